"""Real networks, converted by edgemm to both formats, against the same networks driven by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from needs import package

import edgemm
from edgemm.card import ImageRecipe, InputCard, ModelCard
from tests.by_hand import cards, coco
from tests.by_hand.segmenters import SiNet, mask_iou
from tests.by_hand.shared_files import CORAL, FACES, Picture, picture, shared
from tests.by_hand.ultraface import UltraFace

for each in ("cv2", "ai_edge_litert", "onnxruntime", "onnx_ir"):
    package(each)
pytestmark = [pytest.mark.shared, pytest.mark.slow]
ULTRAFACE = "models/detect/ultraface_rfb320.onnx"
SINET = "models/segment/sinet_portrait.onnx"
THRESHOLD = 0.7
load: Any = edgemm.load


def converted(source: str, card: cards.Card, output: Path, **options: Any) -> Path:
    """By its input alone: tasks are what is tested against."""
    from edgemm.converters import convert

    image: dict[str, Any] = {
        key: tuple(each) if isinstance(each, list) else each for key, each in _image(card).items()
    }
    inputs = (InputCard(modality="image", image=ImageRecipe(**image)),)
    convert(shared(source), output=output, card=ModelCard(inputs=inputs), gate="off", **options)
    return output


def _image(card: cards.Card) -> dict[str, Any]:
    image: dict[str, Any] = card["inputs"][0]["image"]
    return image


def frames() -> list[Picture]:
    """What has faces in it: some 170."""
    return [*coco.pictures(), *(picture(path) for path in (*FACES, f"{CORAL}/squat.bmp"))]


def kept(boxes: Any, others: Any) -> int:
    """How many of the boxes have another that overlaps them by half or more."""
    return sum(bool(len(others) and coco.iou(box, others).max() >= 0.5) for box in boxes)


@pytest.mark.parametrize("ending", ["tflite", "onnx"])
def test_ultraface_as_float(tmp_path: Path, ending: str) -> None:
    path = converted(ULTRAFACE, cards.ULTRAFACE, tmp_path / f"face.{ending}", scheme="float")
    by_hand = UltraFace(shared(ULTRAFACE), exact=True)
    with load(path, delegate="cpu", card=cards.ULTRAFACE, threshold=THRESHOLD) as model:
        for rgb in (picture(each) for each in FACES):
            found: Any = model(rgb)
            boxes, scores = by_hand(rgb, THRESHOLD)
            assert found.scores == pytest.approx(scores, abs=1e-4)
            assert found.boxes_xyxy == pytest.approx(boxes, abs=0.05)


@pytest.mark.parametrize("ending", ["tflite", "onnx"])
def test_ultraface_as_int8_keeps_the_faces(tmp_path: Path, ending: str) -> None:
    """171 of 173 faces here; eight that float does not see."""
    data = shared(f"{coco.FOLDER}/images")
    output = tmp_path / f"face.{ending}"
    path = converted(ULTRAFACE, cards.ULTRAFACE, output, scheme="static", calibrate=data)
    by_hand, count, same, more = UltraFace(shared(ULTRAFACE), exact=True), 0, 0, 0
    with load(path, delegate="cpu", card=cards.ULTRAFACE, threshold=THRESHOLD) as model:
        for rgb in frames():
            found: Any = model(rgb)
            boxes, _ = by_hand(rgb, THRESHOLD)
            count, same = count + len(boxes), same + kept(boxes, found.boxes_xyxy)
            more += len(found.boxes_xyxy) - kept(found.boxes_xyxy, boxes)
    assert count > 150
    assert same >= 0.95 * count
    assert more <= 0.1 * count


@pytest.mark.parametrize("ending", ["tflite", "onnx"])
def test_sinet_as_float(tmp_path: Path, ending: str) -> None:
    path = converted(SINET, cards.SINET, tmp_path / f"person.{ending}", scheme="float")
    by_hand = SiNet(shared(SINET), exact=True)
    card = cards.SINET | {"segmentation": {"kind": "scores"}}  # TFLite's layout is NHWC
    with load(path, delegate="cpu", card=card) as model:
        for rgb, person in list(coco.persons(0.15))[:5]:
            found: Any = model(rgb)
            assert (found.classes == by_hand(rgb)).mean() > 0.995
            assert mask_iou(found.classes == 1, person) == pytest.approx(
                mask_iou(by_hand(rgb) == 1, person), abs=0.01
            )
