"""Real networks in edgemm, by a card alone, against the same networks driven by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import package

import edgemm
from benchmarks import blazeface as bench
from tests.by_hand import cards, coco
from tests.by_hand.blazeface import blazeface, pose_detector
from tests.by_hand.landmarks import BodyMarks, FaceMarks, face_crop
from tests.by_hand.segmenters import DeepLab, SiNet, mask_iou
from tests.by_hand.shared_files import CORAL, EMPTY, FACES, IMAGES, Picture, mask, picture, placed, shared
from tests.by_hand.ssd_mobilenet import SsdMobileNet, labels
from tests.by_hand.ultraface import UltraFace

for each in ("cv2", "ai_edge_litert", "onnxruntime"):
    package(each)
pytestmark = pytest.mark.shared
SSD = "models/detect/ssd_mobilenet_v1_coco_quant.tflite"
ULTRAFACE = "models/detect/ultraface_rfb320.onnx"
BLAZEFACE = "models/blazeface_short_range.tflite"
POSE_DETECTOR = "models/pose/pose_detection.tflite"
SINET = "models/segment/sinet_portrait.onnx"
DEEPLAB = "models/deeplabv3_mnv2_dm05_pascal_quant.tflite"
FACE_MARKS = "models/face/face_landmark.tflite"
BODY_MARKS = "models/pose/pose_landmark_lite.tflite"
PHOTOGRAPHS = (
    *FACES,
    *EMPTY,
    f"{CORAL}/squat.bmp",
    f"{CORAL}/bird_segmentation.bmp",
    f"{IMAGES}/chelsea.png",
)
Load = Callable[..., Any]


@pytest.fixture
def load() -> Iterator[Load]:
    """`edgemm.load` of a shared model; closed after the test."""
    opened: list[edgemm.Model] = []

    def of(path: str, **options: Any) -> edgemm.Model:
        opened.append(edgemm.load(shared(path), delegate="cpu", **options))
        return opened[-1]

    yield of
    for model in opened:
        model.close()


def boxes(found: Any) -> coco.Boxes:
    """Detections of edgemm, their classes as coco128_val counts them."""
    names = coco.classes(shared(SSD))
    ids = np.array([names[label] for label in found.labels], np.int64)
    return coco.Boxes(found.boxes_xyxy, ids, found.scores)


@pytest.mark.slow
@pytest.mark.parametrize("card", [True, False])
def test_ssd_mobilenet_on_coco(load: Load, card: bool) -> None:
    """With the card, and with none at all: the file says what it is."""
    path = shared(SSD)
    given = {"card": cards.ssd_mobilenet(tuple(labels(path)))} if card else {}
    model, by_hand = load(SSD, threshold=0.05, **given), SsdMobileNet(path)
    mine, hands = [], []
    for rgb in coco.pictures():
        mine.append(boxes(model(rgb)))
        hands.append(coco.named(path, by_hand(rgb, 0.05)))
    figures = [np.mean(list(coco.map50(each).values())) for each in (mine, hands)]
    assert figures[0] == pytest.approx(0.359, abs=0.005)
    assert figures[0] == pytest.approx(figures[1], abs=0.003)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("path", PHOTOGRAPHS)
def test_ultraface(load: Load, path: str, exact: bool) -> None:
    """The same where sampled alike. As one writes it: scores within 0.005, but on a cat, which is no face (0.04); boxes
    within a hundredth of the picture."""
    rgb = picture(path)
    found = load(ULTRAFACE, card=cards.ULTRAFACE, threshold=0.7)(rgb)
    by_hand, scores = UltraFace(shared(ULTRAFACE), exact=exact)(rgb, 0.7)
    assert found.scores == pytest.approx(scores, abs=0.001 if exact else 0.04 if "chelsea" in path else 0.005)
    assert np.abs(found.boxes_xyxy - cut(by_hand, rgb)).max(initial=0) < (
        0.01 if exact else 0.01 * max(rgb.shape)
    )
    assert set(found.labels) <= {"face"}


@pytest.mark.parametrize("threshold", [0.5, 0.6])
@pytest.mark.parametrize("path", PHOTOGRAPHS)
def test_blazeface(load: Load, path: str, threshold: float) -> None:
    """The tensors are equal, so boxes are, but for the rounding of float32."""
    rgb = picture(path)
    found = load(BLAZEFACE, card=cards.BLAZEFACE, threshold=threshold)(rgb)
    by_hand = blazeface(shared(BLAZEFACE))(rgb, threshold, "mediapipe")
    assert_same_boxes(found, by_hand, rgb)


def test_blazeface_in_a_frame_of_720p(load: Load) -> None:
    rgb = placed(f"{CORAL}/grace_hopper.bmp", 1280, 720)
    found = load(BLAZEFACE, card=cards.BLAZEFACE)(rgb)
    by_hand = blazeface(shared(BLAZEFACE))(rgb, 0.5, "mediapipe")
    assert found.scores == pytest.approx([0.842], abs=0.001)
    assert_same_boxes(found, by_hand, rgb)


def test_the_pose_detector(load: Load) -> None:
    rgb = picture(f"{CORAL}/squat.bmp")
    found = load(POSE_DETECTOR, card=cards.POSE_DETECTOR)(rgb)
    assert_same_boxes(found, pose_detector(shared(POSE_DETECTOR))(rgb, 0.5, "mediapipe"), rgb)
    assert found.points_xy.shape == (1, 4, 2)


def cut(boxes_xyxy: npt.NDArray[np.float32], rgb: Picture) -> npt.NDArray[np.float32]:
    """What of the boxes lies in the picture: edgemm's boxes end at its edges."""
    height, width = rgb.shape[:2]
    return np.clip(boxes_xyxy, 0, np.array([width, height, width, height], np.float32))


def assert_same_boxes(found: Any, by_hand: Any, rgb: Picture) -> None:
    """Within 0.001 of score and 0.02 pixels."""
    assert found.scores == pytest.approx(by_hand.scores, abs=0.001)
    assert np.abs(found.boxes_xyxy - cut(by_hand.boxes_xyxy, rgb)).max(initial=0) < 0.02
    assert np.abs(found.points_xy - by_hand.points_xy).max(initial=0) < 0.02 if len(found.scores) else True


@pytest.mark.parametrize(("exact", "least"), [(False, 0.98), (True, 0.995)])
def test_sinet_on_coco_persons(load: Load, exact: bool, least: float) -> None:
    """Sampled alike, maps of 320 are equal, and in 480 rows a third has two cells that are equally near."""
    model, by_hand = load(SINET, card=cards.SINET), SiNet(shared(SINET), exact=exact)
    mine, agree = [], []
    for rgb, person in coco.persons(0.15):
        found = model(rgb).classes
        assert found.dtype == np.uint8
        mine.append(mask_iou(found == 1, person))
        agree.append(float((found == by_hand(rgb)).mean()))
    assert np.mean(mine) == pytest.approx(0.46, abs=0.01)
    assert min(agree) > least


def test_deeplab_on_a_bird(load: Load) -> None:
    """Of the tensor's own size: nothing is resized, and every pixel is the same."""
    rgb = picture(f"{CORAL}/bird_segmentation.bmp")
    found = load(DEEPLAB, card=cards.DEEPLAB)(rgb)
    assert found.labels[3] == "bird"
    assert np.array_equal(found.classes, DeepLab(shared(DEEPLAB))(rgb))
    truth = mask(f"{CORAL}/bird_segmentation_mask.bmp") > 0
    assert mask_iou(found.classes == 3, truth) == pytest.approx(0.815, abs=0.005)


@pytest.mark.parametrize("path", [f"{CORAL}/cat_720p.jpg", f"{CORAL}/owl.jpg", f"{CORAL}/squat.bmp"])
def test_deeplab_in_the_size_of_the_source(load: Load, path: str) -> None:
    """Enlarged and shrunk, every pixel is the same."""
    rgb = picture(path)
    found = load(DEEPLAB, card=cards.DEEPLAB)(rgb).classes
    assert np.array_equal(found, DeepLab(shared(DEEPLAB), exact=True)(rgb))


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("path", FACES)
def test_face_marks_of_a_crop(load: Load, path: str, exact: bool) -> None:
    rgb = picture(path)
    box = blazeface(shared(BLAZEFACE))(rgb, 0.6).boxes_xyxy[0]
    crop, _ = face_crop(rgb, box)
    found, by_hand = (
        load(FACE_MARKS, card=cards.FACE_MARKS)(crop),
        FaceMarks(shared(FACE_MARKS), exact=exact)(crop),
    )
    assert found.score == pytest.approx(by_hand.score, abs=0.005)
    assert_same_points(found, by_hand, 0.01 if exact else 0.5)


@pytest.mark.parametrize("exact", [False, True])
def test_body_marks(load: Load, exact: bool) -> None:
    rgb = picture(f"{CORAL}/squat.bmp")
    found, by_hand = (
        load(BODY_MARKS, card=cards.BODY_MARKS)(rgb),
        BodyMarks(shared(BODY_MARKS), exact=exact)(rgb),
    )
    assert len(found.names) == 33
    assert found.score == pytest.approx(by_hand.score, abs=0.005)
    assert found.scores == pytest.approx(by_hand.scores, abs=0.02)
    assert_same_points(found, by_hand, 0.01 if exact else 0.5)


def assert_same_points(found: Any, by_hand: Any, within: float) -> None:
    """Pixels of the source; depths, which nothing in the picture shows, ten times as far."""
    assert found.points_xy.shape == by_hand.points_xy.shape
    assert np.abs(found.points_xy - by_hand.points_xy).max() < within
    depths: npt.NDArray[np.float32] = found.depths
    assert np.abs(depths - by_hand.depths).max() < 10 * within


@pytest.mark.parametrize(("path", "card"), [(FACE_MARKS, cards.FACE_MARKS)])
def test_no_points_of_a_face_that_is_not_there(load: Load, path: str, card: cards.Card) -> None:
    found = load(path, card=card)(picture(f"{CORAL}/parrot.jpg"))
    assert found.score < 0.005
    assert len(found.points_xy) == 0


@pytest.mark.slow
def test_the_benchmark_of_the_whole_path_runs() -> None:
    """One face in the frame, on every side; how fast is for `make bench`."""
    shared(BLAZEFACE)
    results = bench.run(rounds=1)
    assert results
    assert all(each["ratio"] > 0 for each in results)
