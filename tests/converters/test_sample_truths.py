"""`--evaluate` on pictures with truths: a detector's mAP in float and in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rows_task import write_network

from edgemm.card import ImageRecipe, InputCard, ModelCard, OutputCard
from edgemm.converters import convert
from edgemm.converters.sample_truths import has_truths, load_truths, placed
from edgemm.errors import FidelityMissed, InputError
from edgemm.preprocess.placement import place
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tensors import TensorSpec

CARD = ModelCard(
    name="rows",
    task="detection",
    labels=("a", "b", "c", "d"),
    recipe=DetectionRecipe(head="end-to-end"),
    inputs=(InputCard("picture", "image", (1, 3, 8, 8), "NCHW", ImageRecipe(resize="letterbox")),),
    outputs=(OutputCard("rows", (1, 4, 6)),),
)
SPEC = TensorSpec("picture", (1, 3, 8, 8), "float32")


def data(folder: Path, first: int = 0) -> Path:
    """Ten pictures of 32 x 16, each with the four boxes that `write_network` gives at size 4, in YOLO's way."""
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    generator = np.random.default_rng(6)
    for at in range(10):
        cv2.imwrite(
            str(folder / "images" / f"{at}.png"), generator.integers(0, 255, (16, 32, 3), dtype=np.uint8)
        )
        lines = []
        for number in range(4):
            # the letterbox shows the picture in rows 2 to 6 of the tensor, at a quarter of its size
            left, top = number * 0.5 * 4, (number * 0.5 - 2) * 4
            box = np.clip([left, top, left + 16, top + 16], 0, [32, 16, 32, 16]) / [32, 16, 32, 16]
            centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
            lines.append(f"{first + number} {centre[0]} {centre[1]} {size[0]} {size[1]}")
        (folder / "labels" / f"{at}.txt").write_text("\n".join(lines))
    return folder


def test_samples_come_with_truth_and_place(tmp_path: Path) -> None:
    folder = data(tmp_path)
    assert has_truths(folder, CARD)
    samples = load_truths(folder, CARD, [SPEC], 5, "--evaluate")
    assert len(samples) == 5
    assert samples.truths is not None
    assert samples.contexts is not None
    context, truth = samples.contexts[0], samples.truths[0]()
    assert (context.source_wh, context.tensor_wh) == ((32, 16), (8, 8))
    np.testing.assert_allclose(context.boxes(np.array([[0.0, 2, 8, 6]])), [[0, 0, 32, 16]])
    np.testing.assert_allclose(truth.boxes_xyxy[0], [0, 0, 16, 8], atol=1e-9)
    assert samples.inputs[0]["picture"].shape == (1, 3, 8, 8)


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "center-crop"])
def test_a_place_in_the_tensor_is_one_in_the_picture(resize: Any) -> None:
    at = place(ImageRecipe(resize=resize, resize_short=20), (64, 48), (16, 16))
    across, down = at.scale_xy
    where = placed(at).points(np.array([[10 * across + at.left, 20 * down + at.top]]))
    np.testing.assert_allclose(where, [[10, 20]], atol=1e-4)


def test_a_folder_of_classes_is_no_truth_of_a_classifier(tmp_path: Path) -> None:
    assert not has_truths(data(tmp_path), CARD.with_(task="classification", recipe=None))
    assert not has_truths([np.zeros(3)], CARD)
    assert not has_truths(tmp_path / "nothing", CARD)


def test_what_is_wrong_names_option_and_file(tmp_path: Path) -> None:
    folder = data(tmp_path)
    (folder / "images" / "3.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"--evaluate: .*3\.png cannot be read"):
        load_truths(folder, CARD, [SPEC], 100, "--evaluate")
    (folder / "labels" / "4.txt").write_text("0 1 2")
    with pytest.raises(InputError, match=r"--evaluate: .*4\.txt, line 1"):
        load_truths(folder, CARD, [SPEC], 100, "--evaluate")
    with pytest.raises(InputError, match="a model with one picture input"):
        load_truths(folder, CARD.with_(inputs=()), [SPEC], 100, "--evaluate")


def test_map_in_float_and_in_the_file(tmp_path: Path) -> None:
    folder = data(tmp_path / "data")
    source = write_network(tmp_path / "rows.onnx", size=4)
    done = convert(
        source, output=tmp_path / "out.tflite", calibrate=folder / "images", evaluate=folder, card=CARD,
        scheme="static",
    )  # fmt: skip
    kept, precision = done.fidelity.task
    assert (kept.measure, precision.measure) == ("kept", "mAP50")
    assert precision.in_float == pytest.approx(1.0)
    assert precision.figure >= 0.99
    assert any("mAP50 against the truth: 1.000, 1.000 in float" in note for note in done.notes)


def test_a_file_that_loses_precision_is_refused(tmp_path: Path) -> None:
    folder = data(tmp_path / "data", first=300)
    source = write_network(tmp_path / "rows.onnx", size=4, first=300)
    many = CARD.with_(labels=tuple(map(str, range(304))))
    with pytest.raises(FidelityMissed, match=r"mAP50 against the truth: 0\.\d+, 1\.000 in float"):
        convert(
            source, output=tmp_path / "out.tflite", calibrate=folder / "images", evaluate=folder, card=many,
            scheme="static", repair="off",
        )  # fmt: skip


def test_data_in_which_nothing_is_to_be_found_judge_nothing(tmp_path: Path) -> None:
    folder = data(tmp_path)
    for each in (folder / "labels").iterdir():
        each.write_text("")
    with pytest.raises(InputError, match="none of its 10 pictures has a box to be found"):
        load_truths(folder, CARD, [SPEC], 20, "--evaluate")
