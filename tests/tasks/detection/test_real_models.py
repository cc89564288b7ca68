"""Face detectors that people use, on photographs: the faces, and the networks' own mistakes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.results import Detections
from edgemm.tasks.context import Context
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tensors import TensorSpec
from tests.tasks.detection.rig import opened, twice

pytestmark = pytest.mark.shared

FACES = ("astronaut", "grace_hopper")
NO_FACES = ("cat_720p", "owl", "parrot")


@pytest.fixture(scope="module")
def shared() -> Path:
    root = Path(os.environ.get("EDGEMM_SHARED", "/nowhere"))
    if not (root / "models").is_dir():
        pytest.skip("the models and pictures are not here: set EDGEMM_SHARED")
    return root


def rgb(shared: Path, name: str) -> npt.NDArray[np.uint8]:
    cv2 = pytest.importorskip("cv2")
    (path,) = (
        p for p in sorted((shared / "data").glob(f"*/{name}.*")) if p.suffix in (".jpg", ".png", ".bmp")
    )
    return np.asarray(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB))


def ultraface(shared: Path, name: str, threshold: float) -> Detections:
    cv2, ort = pytest.importorskip("cv2"), pytest.importorskip("onnxruntime")
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(str(shared / "models/detect/ultraface_rfb320.onnx"), options)
    picture = rgb(shared, name)
    high, wide = picture.shape[:2]
    tensor = ((cv2.resize(picture, (320, 240)).astype(np.float32) - 127) / 128).transpose(2, 0, 1)[None]
    scores, boxes = session.run(["scores", "boxes"], {session.get_inputs()[0].name: tensor})
    specs = [TensorSpec("scores", scores.shape, "float32"), TensorSpec("boxes", boxes.shape, "float32")]
    recipe = DetectionRecipe(head="boxes", background=0, label_offset=-1, threshold=threshold, iou=0.3)
    context = Context(np.array([[wide / 320, 0, 0], [0, high / 240, 0]]), (wide, high), (320, 240))
    arrays = {"scores": scores, "boxes": boxes}
    return twice(opened(recipe, specs, ("face",)), specs, arrays, context)


def blazeface(shared: Path, name: str) -> Detections:
    cv2 = pytest.importorskip("cv2")
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter
    runs = interpreter(str(shared / "models/blazeface_short_range.tflite"))
    runs.allocate_tensors()
    picture = rgb(shared, name)
    high, wide = picture.shape[:2]
    scale = 128 / max(wide, high)
    width, height = round(wide * scale), round(high * scale)
    left, top = (128 - width) // 2, (128 - height) // 2
    tensor = np.zeros((1, 128, 128, 3), np.float32) - 1
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_NEAREST).astype(np.float32)
    tensor[0, top : top + height, left : left + width] = small / 127.5 - 1
    runs.set_tensor(runs.get_input_details()[0]["index"], tensor)
    runs.invoke()
    arrays = {each["name"]: runs.get_tensor(each["index"]) for each in runs.get_output_details()}
    specs = [TensorSpec(key, value.shape, "float32") for key, value in arrays.items()]
    recipe = DetectionRecipe(
        head="anchors",
        points=6,
        strides=(8, 16, 16, 16),
        activation="sigmoid",
        score_clip=100,
        threshold=0.6,
        iou=0.3,
        nms="weighted",
        box_scales=(128, 128, 128, 128),
    )
    matrix = np.array([[wide / width, 0, -left * wide / width], [0, high / height, -top * high / height]])
    decoder = opened(recipe, specs, ("face",), (128, 128))
    context = Context(matrix, (wide, high), (128, 128))
    return twice(decoder, specs, arrays, context)


@pytest.mark.parametrize("name", [*FACES, "squat"])
def test_ultraface_finds_the_face(shared: Path, name: str) -> None:
    assert ultraface(shared, name, 0.9).labels == ("face",)


@pytest.mark.parametrize("name", NO_FACES)
def test_ultraface_finds_no_face_in_an_animal(shared: Path, name: str) -> None:
    assert ultraface(shared, name, 0.9).labels == ()


@pytest.mark.parametrize(("name", "score"), [("bird_segmentation", 0.73), ("chelsea", 0.98)])
def test_ultrafaces_own_mistakes(shared: Path, name: str, score: float) -> None:
    found = ultraface(shared, name, 0.7)
    assert found.scores[0] == pytest.approx(score, abs=0.005)


@pytest.mark.parametrize("name", FACES)
def test_blazeface_finds_the_face(shared: Path, name: str) -> None:
    found = blazeface(shared, name)
    assert found.labels == ("face",)
    assert found.points_xy.shape == (1, 6, 2)


@pytest.mark.parametrize("name", [*NO_FACES, "chelsea"])
def test_blazeface_finds_no_face_in_an_animal(shared: Path, name: str) -> None:
    assert blazeface(shared, name).labels == ()


def test_blazeface_is_mistaken_in_squat(shared: Path) -> None:
    assert blazeface(shared, "squat").scores.tolist() == [pytest.approx(0.74, abs=0.005)]


MEDIAPIPE: dict[str, Any] = {
    "score": 0.9217386841773987,
    "box": [177.56541442871094, 82.87117767333984, 272.90948486328125, 178.2154083251953],
    "points": [
        [201.4954376220703, 104.89832305908203],
        [245.845703125, 109.09697723388672],
        [220.42938232421875, 127.26158905029297],
        [219.8200225830078, 148.61279296875],
        [178.1891632080078, 115.71903228759766],
        [272.19512939453125, 123.86604309082031],
    ],
}
"""What mediapipe 0.10.14 (Solutions, model 0) gives for the astronaut, a square picture."""


def test_the_box_of_mediapipe(shared: Path) -> None:
    """Weighted NMS and key points included; 0.01 pixel is float32 on another path."""
    found = blazeface(shared, "astronaut")
    np.testing.assert_allclose(found.scores, [MEDIAPIPE["score"]], atol=1e-5)
    np.testing.assert_allclose(found.boxes_xyxy[0], MEDIAPIPE["box"], atol=0.01)
    np.testing.assert_allclose(found.points_xy[0], MEDIAPIPE["points"], atol=0.01)
