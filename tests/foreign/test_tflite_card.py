"""Cards from TFLite metadata: input, task, labels; and what the file contradicts is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign_models import check_opens, check_recipe, image, metadata, real, tflite

from edgemm.card import ModelCard
from edgemm.foreign import ForeignCard, foreign_card
from edgemm.tensors import TensorSpec

LABELS = {"en.txt": "robin\nwren\n", "de.txt": "Rotkehlchen\nZaunkönig\n", "labels.txt": "cat\ndog\n"}
SCORES = TensorSpec("scores", (1, 2), "uint8", 1 / 256)
DETECTOR = [real("s", 1, 9), real("l", 1, 9, 4), real("n", 1), real("c", 1, 9)]


def made(path: Path, name: str, inputs: Any, outputs: Any, **options: Any) -> ForeignCard:
    locale = options.pop("locale", "")
    said: dict[str, Any] = {"said": metadata(name), "files": LABELS, **options}
    model = tflite(path / "m.tflite", [inputs], outputs, **said)
    found = foreign_card(model, locale=locale)
    assert found is not None
    check_opens(found, model)
    return found


def section(found: ForeignCard, task: str) -> dict[str, Any]:
    """The recipe in the card's JSON, checked by the task where there is one."""
    assert found.content["task"] == task
    recipe: dict[str, Any] = found.content[task]
    check_recipe(task, recipe)
    return recipe


def test_a_classifier(tmp_path: Path) -> None:
    found = made(tmp_path, "classifier", image(), [SCORES])
    card = found.card
    assert (found.origin, card.name, card.version, card.licence) == (
        "TFLite metadata",
        "birds",
        "v2",
        "Apache-2.0",
    )
    assert (card.task, card.labels, card.outputs[0].decode) == (
        "classification",
        ("robin", "wren"),
        "probabilities",
    )
    recipe = card.inputs[0].image
    assert recipe is not None
    assert (recipe.color, recipe.resize, recipe.scale) == ("rgb", "stretch", 1.0)
    assert recipe.mean == pytest.approx((123.675, 116.28, 103.53))
    assert recipe.std == pytest.approx((58.395, 57.12, 57.375))
    assert any("calibration" in said for said in found.said)
    assert card.to_dict()["x-author"] == "someone"


@pytest.mark.parametrize("locale", ["de", "de-AT", "DE"])
def test_labels_in_another_language(tmp_path: Path, locale: str) -> None:
    found = made(tmp_path, "classifier", image(), [SCORES], locale=locale)
    assert found.card.labels == ("Rotkehlchen", "Zaunkönig")


def test_a_language_that_is_not_there_is_the_first(tmp_path: Path) -> None:
    assert made(tmp_path, "classifier", image(), [SCORES], locale="fr").card.labels == ("robin", "wren")


def test_labels_of_another_number_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = made(tmp_path, "classifier", image(), [TensorSpec("scores", (1, 3), "float32")])
    assert (found.content["task"], found.card.labels) == ("classification", ())
    assert any("2 labels" in said and "3 classes" in said for said in found.said)
    assert "2 labels, and the model 3 classes: labels are left out" in caplog.text


def test_a_label_file_that_is_not_there_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    operators = [("SOFTMAX", [0], [1])]
    found = made(tmp_path, "classifier", image(), [SCORES], files={"other.txt": "x"}, operators=operators)
    assert (found.content["task"], found.card.labels) == ("classification", ())
    assert any("'en.txt'" in said for said in found.said)
    assert "'en.txt' is named and not in the file" in caplog.text


@pytest.mark.parametrize(
    ("text", "labels"),
    [("1 euro\n5 euro", ("1 euro", "5 euro")), ("0 cat\n1 dog", ("cat", "dog")), ("1 cat", ("???", "cat"))],
)
def test_numbers_before_labels(tmp_path: Path, text: str, labels: tuple[str, ...]) -> None:
    """Rows where that gives as many as there are scores, else part of the name."""
    assert made(tmp_path, "classifier", image(), [SCORES], files={"en.txt": text}).card.labels == labels


def test_without_labels_and_softmax_a_row_may_be_anything(tmp_path: Path) -> None:
    assert made(tmp_path, "classifier", image(), [SCORES], files={}).card.task == "tensors"


def test_scores_that_nothing_calls_probabilities_are_said(tmp_path: Path) -> None:
    audio = TensorSpec("audio", (1, 800), "float32")
    assert any("taken for such" in said for said in made(tmp_path, "sound", audio, [SCORES]).said)


def test_softmax_behind_a_reshape_is_enough(tmp_path: Path) -> None:
    """The output is made by RESHAPE from an input that SOFTMAX made: the operators are followed back."""
    operators = [("SOFTMAX", [0], [0]), ("RESHAPE", [0], [1])]
    audio = TensorSpec("audio", (1, 800), "float32")
    found = made(tmp_path, "sound", audio, [SCORES], operators=operators, files={})
    assert (found.content["task"], found.card.outputs[0].decode) == ("classification", "probabilities")
    assert not any("taken for such" in said for said in found.said)


def test_sound_with_a_sigmoid_may_be_several_things_at_once(tmp_path: Path) -> None:
    audio = TensorSpec("audio", (1, 801), "float32")
    found = made(tmp_path, "sound", audio, [SCORES], operators=[("LOGISTIC", [0], [1])])
    recipe = found.card.inputs[0].audio
    assert recipe is not None
    assert (found.card.task, found.card.outputs[0].decode, recipe.stride) == ("tagging", "probabilities", 400)
    assert any("overlap by half" in said for said in found.said)


PIXELS = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 256, 3).repeat(8, axis=0)


def tensor_of(card: ModelCard, spec: TensorSpec) -> Any:
    """What the card's own preprocessing makes of pixels 0 to 255."""
    pytest.importorskip("cv2")
    from edgemm.preprocess import compile_image

    out = np.empty(spec.shape, spec.dtype)
    compile_image(card.inputs[0], spec)(PIXELS, "rgb", out)
    return out


def test_float_pixels_are_normalised_by_channel(tmp_path: Path) -> None:
    spec = image((1, 8, 256, 3))
    out = tensor_of(made(tmp_path, "classifier", spec, [SCORES]).card, spec)
    mean, std = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])
    assert np.abs(out[0, 0] - (PIXELS[0] - mean) / std).max() < 1e-5


@pytest.mark.parametrize("grid", [(1 / 128, 128), (0.00784, 127), (1.0, 0), (1 / 255, 0)])
def test_uint8_stores_the_pixels_whatever_the_normalisation(tmp_path: Path, grid: tuple[float, int]) -> None:
    spec = image((1, 8, 256, 3), "uint8", scale=grid[0], zero_point=grid[1])
    out = tensor_of(made(tmp_path, "detector", spec, DETECTOR).card, spec)
    assert np.array_equal(out[0], PIXELS)


@pytest.mark.parametrize("factor", [1 / 127.5, 1 / 128])
def test_int8_on_the_grid_of_the_normalisation_is_the_pixel_less_128(tmp_path: Path, factor: float) -> None:
    spec = image((1, 8, 256, 3), "int8", scale=factor, zero_point=0 if factor == 1 / 128 else -1)
    out = tensor_of(made(tmp_path, "detector", spec, DETECTOR).card, spec)
    assert np.array_equal(out[0].astype(int), PIXELS.astype(int) - 128)


def test_int8_on_another_grid_is_computed(tmp_path: Path) -> None:
    spec = image((1, 8, 256, 3), "int8", scale=1 / 64, zero_point=10)
    out = tensor_of(made(tmp_path, "detector", spec, DETECTOR).card, spec)
    wanted = np.clip(np.rint((PIXELS.astype(float) - 127.5) / 127.5 * 64) + 10, -128, 127)
    assert np.abs(out[0] - wanted).max() <= 1
    assert out.min() == -54


def test_gray_where_the_tensor_has_three_channels_is_rgb(tmp_path: Path) -> None:
    mask = real("mask", 1, 32, 48, 2)
    found = made(tmp_path, "segmenter", image(), [mask])
    recipe = found.card.inputs[0].image
    assert recipe is not None
    assert recipe.color == "rgb"
    assert any("three channels" in said for said in found.said)
    gray = made(tmp_path, "segmenter", image((1, 32, 48, 1)), [mask]).card.inputs[0].image
    assert gray is not None
    assert (gray.color, gray.std) == ("gray", (255.0,))


def test_an_input_that_is_no_picture_stays_a_tensor(tmp_path: Path) -> None:
    found = made(tmp_path, "classifier", TensorSpec("image", (1, 48), "float32"), [SCORES])
    assert (found.content["task"], found.card.inputs) == ("tensors", ())


def test_a_detector_by_the_names_in_its_metadata(tmp_path: Path) -> None:
    """Outputs in MediaPipe's newer order, boxes as left, top, width, height in pixels."""
    found = made(tmp_path, "detector", image(), DETECTOR)
    assert section(found, "detection") == {
        "head": "postprocess",
        "box": "xywh",
        "coordinates": "pixels",
        "boxes_outputs": ["l"],
        "scores_outputs": ["s"],
        "count_outputs": ["n"],
        "classes_outputs": ["c"],
        "threshold": 0.375,
    }
    assert found.card.labels == ("cat", "dog")


def test_boxes_in_tensorflows_order(tmp_path: Path) -> None:
    outputs = [real("l", 1, 9, 4), real("c", 1, 9), real("s", 1, 9)]
    found = section(made(tmp_path, "ssd", image(), outputs), "detection")
    assert (found["box"], found["coordinates"], found["scores_outputs"]) == ("yxyx", "normalized", ["s"])
    assert "count_outputs" not in found


@pytest.mark.parametrize(("producer", "decode"), [("CONV_2D", "logits"), ("LOGISTIC", "probabilities")])
def test_a_sigmoid_that_is_still_to_be_done(tmp_path: Path, producer: str, decode: str) -> None:
    operators = [(producer, [0], [1])]
    found = made(tmp_path, "masker", image(), [real("mask", 1, 32, 48, 1)], operators=operators)
    assert section(found, "segmentation") == {"output": "mask", "kind": "binary", "decode": decode}


def test_logarithms_of_probabilities(tmp_path: Path) -> None:
    found = made(tmp_path, "classifier", image(), [SCORES], operators=[("LOG_SOFTMAX", [0], [1])])
    assert found.card.outputs[0].decode == "logits"


def test_the_custom_operator_says_which_output_is_which(tmp_path: Path) -> None:
    """More surely than names do: the graph lists them as count, classes, scores, boxes."""
    operators = [("TFLite_Detection_PostProcess", [0], [4, 2, 3, 1])]
    outputs = [real("one", 1), real("two", 1, 9), real("three", 1, 9), real("four", 1, 9, 4)]
    found = section(made(tmp_path, "detector", image(), outputs, operators=operators), "detection")
    roles = [found[f"{role}_outputs"] for role in ("boxes", "classes", "scores", "count")]
    assert roles == [["four"], ["two"], ["three"], ["one"]]


def test_a_detector_described_with_another_number_of_outputs(tmp_path: Path) -> None:
    found = made(tmp_path, "detector", image(), DETECTOR[:3])
    assert found.content["task"] == "tensors"
    assert any("4 outputs" in said and "has 3" in said for said in found.said)


@pytest.mark.parametrize(
    "changed", [{0: real("s", 1, 8)}, {1: real("l", 1, 9, 5)}, {2: real("s", 1)}, {3: real("s", 1, 9)}]
)
def test_a_detector_whose_outputs_have_other_shapes(tmp_path: Path, changed: dict[int, TensorSpec]) -> None:
    outputs = [changed.get(at, spec) for at, spec in enumerate(DETECTOR)]
    assert made(tmp_path, "detector", image(), outputs).card.task == "tensors"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (real("mask", 1, 32, 48, 2), {"kind": "scores", "layout": "NHWC"}),
        (TensorSpec("mask", (1, 32, 48), "int64"), {"kind": "classes"}),
        (TensorSpec("mask", (1, 32, 48, 1), "uint8"), {"kind": "classes"}),
        (real("mask", 1, 32, 48, 1), {"kind": "binary", "decode": "probabilities"}),
    ],
)
def test_a_segmenter(tmp_path: Path, output: TensorSpec, expected: dict[str, str]) -> None:
    found = made(tmp_path, "segmenter", image((1, 32, 48, 1)), [output])
    assert section(found, "segmentation") == {"output": "mask", **expected}
    assert found.card.labels == ("cat", "dog")


def test_one_label_of_a_mask_is_that_of_its_inside(tmp_path: Path) -> None:
    mask = real("mask", 1, 32, 48, 1)
    found = made(tmp_path, "segmenter", image((1, 32, 48, 1)), [mask], files={"labels.txt": "person\n"})
    assert found.card.labels == ("background", "person")


def test_labels_of_a_segmenter_are_counted(tmp_path: Path) -> None:
    found = made(tmp_path, "segmenter", image((1, 32, 48, 1)), [real("mask", 1, 32, 48, 21)])
    assert (found.content["task"], found.card.labels) == ("segmentation", ())


def test_a_picture_as_output_is_no_segmentation(tmp_path: Path) -> None:
    found = made(tmp_path, "segmenter", image((1, 32, 48, 1)), [real("mask", 1, 32, 48, 3)], files={})
    assert found.content["task"] == "tensors"


@pytest.mark.parametrize("shape", [(800,), (1, 800)])
def test_sound(tmp_path: Path, shape: tuple[int, ...]) -> None:
    found = made(tmp_path, "sound", TensorSpec("audio", shape, "float32"), [SCORES])
    recipe = found.card.inputs[0].audio
    assert recipe is not None
    assert (recipe.feature, recipe.sample_rate, recipe.samples, recipe.stride) == (
        "waveform",
        16000,
        800,
        800,
    )
    assert (found.card.inputs[0].layout, found.content["task"]) == ("NT", "classification")


def test_sound_without_a_batch_is_the_same_sound(tmp_path: Path) -> None:
    from edgemm.preprocess import compile_audio

    samples = np.linspace(-0.5, 0.5, 800, dtype=np.float32)
    tensors = []
    for shape in ((800,), (1, 800)):
        spec = TensorSpec("audio", shape, "float32")
        window = compile_audio(made(tmp_path, "sound", spec, [SCORES]).card.inputs[0], spec)
        tensors.append(next(iter(window.clip(samples, 16000))))
    assert np.array_equal(tensors[0], tensors[1].reshape(-1))
    assert np.array_equal(tensors[0], samples)


def test_damaged_metadata_is_logged_and_ignored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = tflite(tmp_path / "m.tflite", [image()], [SCORES], said=metadata("classifier")[:90])
    assert foreign_card(model) is None
    assert "damaged" in caplog.text


def test_a_file_that_says_nothing_has_no_card(tmp_path: Path) -> None:
    assert foreign_card(tflite(tmp_path / "m.tflite", [image()], [SCORES])) is None
