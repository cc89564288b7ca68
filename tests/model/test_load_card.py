"""A card given to `load`: for a file that has none, or instead of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgemm
from edgemm.card import AudioRecipe, InputCard, ModelCard, OutputCard, StatePair
from edgemm.card.fit import fit_card
from edgemm.errors import ArtifactError, CardError, InputError
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"


@pytest.mark.parametrize("form", ["card", "dictionary", "file"])
def test_a_card_in_each_form(form: str, loud_card: ModelCard, tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text(loud_card.to_json(), encoding="utf-8")
    given: Any = {"card": loud_card, "dictionary": json.loads(loud_card.to_json()), "file": path}[form]
    with edgemm.load(ASSETS / "loud.tflite", card=given) as model:
        found = model(np.ones(80, np.float32), sample_rate=8000)
    assert isinstance(found, edgemm.Keyword)
    assert found.label == "loud"


def test_a_preset_by_its_name() -> None:
    with pytest.raises(CardError, match=r"makes NT \[1, 16000\], the tensor is \[1, 80\]"):
        edgemm.load(ASSETS / "loud.tflite", card="waveform16k").session()


def test_it_goes_over_the_card_in_the_file(loud_card: ModelCard, tmp_path: Path) -> None:
    from edgemm.artifact import write_artifact

    path = tmp_path / "loud.tflite"
    write_artifact(path, (ASSETS / "loud.tflite").read_bytes(), loud_card)
    with edgemm.load(path, card=loud_card.with_(labels=("a", "quiet"))) as model:
        assert model.card.labels == ("a", "quiet")


@pytest.mark.parametrize("given", ["no such preset", Path("/no/such/card.json")])
def test_what_is_no_card_is_refused(given: str | Path) -> None:
    with pytest.raises(InputError, match="expected a JSON file or a preset"):
        edgemm.load(ASSETS / "loud.tflite", card=given)


def test_names_layouts_and_shapes_come_from_the_file() -> None:
    card = ModelCard(
        inputs=(InputCard(audio=AudioRecipe(), modality="audio"), InputCard("h")),
        outputs=(OutputCard(), OutputCard("h_after")),
        states=(StatePair("h_after", "h"),),
    )
    sound, state = TensorSpec("serving_x", (1, 98, 40), "int8", 0.1), TensorSpec("serving_h", (1, 8), "int8")
    scores, after = TensorSpec("y", (1, 12), "int8"), TensorSpec("y:1", (1, 8), "int8")
    fitted = fit_card(card, (sound, state), (scores, after))
    assert [(each.name, each.shape, each.layout) for each in fitted.inputs] == [
        ("serving_x", (1, 98, 40), "NTF"),
        ("serving_h", (1, 8), ""),
    ]
    assert fitted.states == (StatePair("y:1", "serving_h"),)


def test_a_card_of_another_model_is_refused() -> None:
    card = ModelCard(inputs=(InputCard("a"), InputCard("b"), InputCard("c")))
    with pytest.raises(CardError, match=r"describes 3 input\(s\) \(a, b, c\), the file has 1 \(sound\)"):
        edgemm.load(ASSETS / "loud.tflite", card=card)


def test_a_shape_that_the_file_leaves_open_comes_from_the_card() -> None:
    card = ModelCard(inputs=(InputCard("x", shape=(3, 2)),), outputs=(OutputCard("y", (3, 2)),))
    with edgemm.load(ASSETS / "open_batch.onnx", card=card) as model:
        x = np.array([[1, -2], [3, -4], [-5, 6]], np.float32)
        np.testing.assert_array_equal(model.run({"x": x})["y"], np.abs(x))


def test_a_shape_that_does_not_fit_the_file_is_refused() -> None:
    card = ModelCard(inputs=(InputCard("x", shape=(3, 5)),), outputs=(OutputCard("y", (3, 2)),))
    with pytest.raises(
        ArtifactError, match=r"'x': expected a fixed shape, found \['N', 2\] and \[3, 5\] in the card"
    ):
        edgemm.load(ASSETS / "open_batch.onnx", card=card)
