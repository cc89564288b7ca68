"""A model that answers NaN, in a call and on a stream; tensors without dimensions and without elements."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import needs

import edgemm
from edgemm.capture import open_source
from edgemm.card import ImageRecipe, InputCard, ModelCard, OutputCard
from edgemm.errors import ArtifactError, CardError, InputError
from edgemm.opencv import opencv

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"
Make = Callable[..., edgemm.Model]
FORMATS = ["tflite", "onnx"]


@pytest.fixture
def share(make: Make) -> edgemm.Model:
    """The share of each pixel of a 2x2 picture: of a black one, 0 / 0."""
    needs(opencv)
    recipe = ImageRecipe(color="gray", interpolation="nearest")
    card = ModelCard(
        task="classification",
        inputs=(InputCard("pixels", "image", (1, 1, 2, 2), "NCHW", image=recipe),),
        outputs=(OutputCard("scores", (1, 4), "probabilities"),),
    )
    return make("share.onnx", card)


def picture(*pixels: int) -> Any:
    return np.array(pixels, np.uint8).reshape(2, 2)


def test_an_answer_that_is_not_finite_is_an_error_and_the_next_is_none(share: edgemm.Model) -> None:
    with pytest.raises(ArtifactError, match="4 of its 4 scores are NaN or infinite"):
        share(picture(0, 0, 0, 0))
    assert share(picture(0, 0, 9, 0)).label == "2"  # type: ignore[attr-defined]


def test_on_a_stream_it_is_counted_as_failed_and_the_next_picture_follows(
    share: edgemm.Model, tmp_path: Path
) -> None:
    cv2 = opencv()
    for number, pixels in enumerate([(9, 0, 0, 0), (0, 0, 0, 0), (0, 9, 0, 0)]):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture(*pixels))
    labels, errors = [], []
    with open_source(str(tmp_path)) as source, share.stream(source) as stream:
        for _ in range(4):
            try:
                labels.append(next(stream).value.label)  # type: ignore[attr-defined]
            except ArtifactError as error:
                errors.append(error)
            except StopIteration:
                break
        account = stream.ledger.summary()
    assert (labels, len(errors)) == (["0", "1"], 1)
    assert (account["delivered"], account["dropped"]) == (2, {"failed": 1})


def test_a_classifier_over_a_sequence_is_refused_at_load(make: Make) -> None:
    card = ModelCard(task="classification", outputs=(OutputCard("y", decode="logits"),))
    with pytest.raises(CardError, match=r"'y': .*shape \[1, C\] or \[C\], found \[20, 1, 1, 4\]"):
        make("gru_whole.onnx", card)


def test_nan_in_a_tensor_is_refused_by_calls_and_sessions(total: edgemm.Model) -> None:
    bad, good = np.array([[np.nan, 0]], np.float32), np.zeros((1, 2), np.float32)
    with pytest.raises(InputError, match="'x': expected finite numbers"):
        total({"x": bad, "before": good})
    with pytest.raises(InputError, match="'x': expected finite numbers"):
        total.session().step({"x": bad, "before": good})


def test_nan_is_refused_where_a_session_quantizes(make: Make) -> None:
    session = make("quadrant.tflite").session()
    with pytest.raises(InputError, match="'pixels': expected finite numbers"):
        session.step(np.full((1, 2, 2, 1), np.nan, np.float32))
    with pytest.raises(InputError, match=r"'pixels': expected int8\[1, 2, 2, 1\], found list"):
        session.step([1.0])  # type: ignore[arg-type]


@pytest.mark.parametrize("format_", FORMATS)
def test_a_tensor_without_dimensions(make: Make, format_: str) -> None:
    model = make(f"add_numbers.{format_}")
    assert model.inputs[0].shape == ()
    out = {"y": np.zeros((), np.float32)}
    for value in (1.0, -2.5, 0.0):
        given = {"x": np.array(value, np.float32)}
        assert model.run(given)["y"] == 2 * value
        assert model.run(given, out=out)["y"] is out["y"]
        assert out["y"] == 2 * value
        assert model(value).values["y"] == 2 * value  # type: ignore[attr-defined]


@pytest.mark.parametrize("format_", FORMATS)
def test_a_session_over_a_tensor_without_dimensions(make: Make, format_: str) -> None:
    session = make(f"add_numbers.{format_}").session()
    assert [float(session.step({"x": np.array(value, np.float32)})["y"]) for value in (1, -2.5)] == [
        2.0,
        -5.0,
    ]


@pytest.mark.parametrize("format_", FORMATS)
def test_a_tensor_without_elements(make: Make, format_: str) -> None:
    model = make(f"add_nothing.{format_}")
    nothing = np.zeros((0, 2), np.float32)
    assert model.run({"x": nothing})["y"].shape == (0, 2)
    assert model(nothing).values["y"].shape == (0, 2)  # type: ignore[attr-defined]
    assert model.session().step(nothing)["y"].shape == (0, 2)
    with pytest.raises(InputError, match=r"expected float32\[0, 2\], found float32\[2, 0\]"):
        model.run({"x": np.zeros((2, 0), np.float32)})
