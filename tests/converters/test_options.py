"""The arguments of `convert`: what is wrong is a sentence that names the argument, and what has no effect is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgemm import data
from edgemm.card import ModelCard, OutputCard
from edgemm.converters import convert
from edgemm.converters.pipeline.measure import LABELS_UNUSED
from edgemm.converters.written import Settings
from edgemm.errors import CalibrationError, EdgemmError, InputError
from edgemm.inspection import inspect
from edgemm.results import Classification

SOURCE = data.path("models/digits.onnx")
PICTURES = data.path("digits")


def refused(tmp_path: Path, **arguments: Any) -> str:
    whole = {"output": "a.onnx", **arguments}
    if whole["output"] in ("a.onnx", "a.tflite"):
        whole["output"] = tmp_path / whole["output"]
    with pytest.raises(EdgemmError) as caught:
        convert(whole.pop("source", SOURCE), **whole)
    assert list(tmp_path.iterdir()) == []
    return str(caught.value)


@pytest.mark.parametrize("value", [3, None, [], {}, b"x", 1.5, object()])
def test_an_output_that_is_no_path(value: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="output: expected the path of a file, found "):
        convert(SOURCE, output=value)


@pytest.mark.parametrize("name", ["card", "output", "calibrate", "evaluate", "source"])
@pytest.mark.parametrize("path", ["x" * 5000 + ".onnx", "y/" * 3000 + "a.onnx"])
def test_a_path_that_is_too_long(name: str, path: str, tmp_path: Path) -> None:
    assert len(refused(tmp_path, **{name: path})) < 600


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_db": -5}, "min_db (--min-db): expected a number from 0 to 200, found -5"),
        ({"min_db": True}, "min_db (--min-db): expected"),
        ({"min_db": float("nan")}, "min_db (--min-db): expected"),
        ({"min_db": "3"}, "min_db (--min-db): expected"),
        ({"repair_seconds": -1}, "repair_seconds (--repair-seconds): expected a number from 0 to 86400"),
        ({"settings": Settings(opset=99)}, "opset (--opset): expected 13.."),
        ({"settings": Settings(opset=12)}, "opset (--opset): expected 13.."),
        ({"settings": Settings(opset="17")}, "opset (--opset): expected 13.."),  # type: ignore[arg-type]
        ({"settings": Settings(opset=True)}, "opset (--opset): expected 13.."),
        ({"settings": Settings(keep_layout=3)}, "keep_layout (--keep-layout): expected True or False"),  # type: ignore[arg-type]
        (
            {"settings": Settings(keep_layout=True)},
            "keep_layout (--keep-layout): has no effect on a .onnx file",
        ),
        ({"target": "edgetpu"}, "'edgetpu' is a delegate"),
        (
            {"target": "coral", "calibrate": PICTURES},
            "coral: runs .tflite files, and the output is a .onnx file",
        ),
        ({"target": "tflite-2.14"}, "tflite-2.14: runs .tflite files"),
        (
            {"target": "tensorrt", "output": "a.tflite"},
            "tensorrt: runs .onnx files, and the output is a .tflite",
        ),
        ({"target": "coral", "output": "a.tflite"}, "give calibration data with --calibrate"),
        ({"target": "coral", "output": "a.tflite", "scheme": "float"}, "integers only, found scheme float"),
        ({"card": "c.json", "preset": "mnist"}, "expected one of them, found both"),
    ],
)
def test_what_is_wrong_is_named(arguments: dict[str, Any], message: str, tmp_path: Path) -> None:
    assert message in refused(tmp_path, **arguments)


def test_an_opset_is_refused_for_tflite(tmp_path: Path) -> None:
    told = refused(tmp_path, output=tmp_path / "a.tflite", settings=Settings(opset=18))
    assert told.startswith("opset (--opset): has no effect on a .tflite file")


def test_bad_calibration_data_is_a_fault_of_the_input(tmp_path: Path) -> None:
    with pytest.raises(
        CalibrationError, match=r"^--calibrate: input 'image': expected varying data"
    ) as caught:
        convert(SOURCE, output=tmp_path / "a.onnx", calibrate=[np.zeros((1, 1, 28, 28), np.float32)] * 20)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("suffix", "scheme", "told"),
    [
        ("onnx", "dynamic", True),
        ("tflite", "dynamic", True),
        ("tflite", "static", False),
        ("onnx", "mixed", True),
    ],
)
def test_int8_inputs_that_cannot_be_are_told(suffix: str, scheme: Any, told: bool, tmp_path: Path) -> None:
    calibrate = None if scheme == "dynamic" else PICTURES
    done = convert(
        SOURCE,
        output=tmp_path / f"a.{suffix}",
        calibrate=calibrate,
        settings=Settings(io="int8"),
        gate="off",
        scheme=scheme,
    )
    assert any("io (--io) int8 has no effect" in note for note in done.notes) is told
    if not told:
        import edgemm

        with edgemm.load(done.output) as model:
            assert {spec.dtype for spec in (*model.inputs, *model.outputs)} <= {"int8", "uint8"}


def test_a_classifier_with_integer_inputs_and_outputs_is_read_with_their_scales(tmp_path: Path) -> None:
    import edgemm

    files = {
        io: convert(
            SOURCE,
            output=tmp_path / f"{io}.onnx",
            calibrate=PICTURES,
            scheme="static",
            settings=Settings(io=io),
            gate="off",
        ).output
        for io in ("float", "int8")
    }
    told = inspect(files["int8"])
    assert all(each.quantized for each in (*told.inputs, *told.outputs))
    picture = np.random.default_rng(0).integers(0, 256, (28, 28, 3), np.uint8)
    with edgemm.load(files["float"]) as outside, edgemm.load(files["int8"]) as inside:
        assert inside.inputs[0].dtype == inside.outputs[0].dtype == "uint8"
        assert all(each.quantized for each in (*inside.inputs, *inside.outputs))
        wanted, found = outside(picture), inside(picture)
    assert isinstance(wanted, Classification)
    assert isinstance(found, Classification)
    assert found.labels == wanted.labels
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-6)


@pytest.mark.parametrize(("min_db", "told"), [(20.0, False), (40.0, True)])
def test_a_limit_in_decibels_that_is_not_applied_is_told(min_db: float, told: bool, tmp_path: Path) -> None:
    done = convert(SOURCE, output=tmp_path / "a.onnx", calibrate=PICTURES, min_db=min_db)
    notes = [note for note in done.notes if "min_db (--min-db) does not apply to output 'logits'" in note]
    assert bool(notes) is told


@pytest.mark.parametrize(("task", "told"), [("tensors", True), ("classification", False)])
def test_labels_that_no_output_is_held_against_are_told(task: str, told: bool, tmp_path: Path) -> None:
    """Scores without a softmax are classes where the card says so, and numbers where nobody does."""
    images, labels = data.calibration_digits()
    np.savez(tmp_path / "known.npz", image=images[:, None].astype(np.float32) / 255, labels=labels)
    outputs = () if task == "tensors" else (OutputCard("logits", (1, 10), "logits"),)
    card = ModelCard(task=task, outputs=outputs)
    done = convert(
        SOURCE, output=tmp_path / "a.onnx", calibrate=tmp_path / "known.npz", card=card, scheme="static"
    )
    assert any(note == LABELS_UNUSED for note in done.notes) is told
    assert (done.fidelity.outputs[0].accuracy is None) is told
