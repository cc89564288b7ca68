"""Real networks driven by hand: what a user gets today, in figures that edgemm's tasks are then held against."""

from __future__ import annotations

import numpy as np
import pytest
from needs import package

from tests.by_hand import coco
from tests.by_hand.blazeface import AnchorDetector, blazeface, pose_detector
from tests.by_hand.blazeface_fast import FastBlazeFace
from tests.by_hand.landmarks import BodyMarks, FaceMarks, face_crop
from tests.by_hand.segmenters import DeepLab, SiNet, mask_iou
from tests.by_hand.shared_files import CORAL, EMPTY, FACES, IMAGES, mask, picture, placed, shared
from tests.by_hand.ssd_mobilenet import SsdMobileNet
from tests.by_hand.ultraface import UltraFace

for each in ("cv2", "ai_edge_litert", "onnxruntime"):
    package(each)
pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def ultraface() -> UltraFace:
    return UltraFace(shared("models/detect/ultraface_rfb320.onnx"))


@pytest.fixture(scope="module")
def blaze() -> AnchorDetector:
    return blazeface(shared("models/blazeface_short_range.tflite"))


@pytest.mark.slow
def test_ssd_mobilenet_on_coco() -> None:
    path = shared("models/detect/ssd_mobilenet_v1_coco_quant.tflite")
    network = SsdMobileNet(path)
    found = [coco.named(path, network(rgb, 0.05)) for rgb in coco.pictures()]
    by_class = coco.map50(found)
    assert len(by_class) == 73
    assert np.mean(list(by_class.values())) == pytest.approx(0.359, abs=0.001)


@pytest.mark.parametrize(("path", "count"), [*FACES.items(), (f"{CORAL}/squat.bmp", 1)])
def test_ultraface_finds_the_faces(ultraface: UltraFace, path: str, count: int) -> None:
    """face.jpg shows four people, all of them found; the others one."""
    boxes, scores = ultraface(picture(path), 0.9)
    assert len(boxes) == len(scores) == (4 if "face.jpg" in path else count)


@pytest.mark.parametrize("path", EMPTY)
def test_no_faces_where_there_are_none(ultraface: UltraFace, blaze: AnchorDetector, path: str) -> None:
    rgb = picture(path)
    assert len(ultraface(rgb, 0.9)[0]) == 0
    assert len(blaze(rgb, 0.6).boxes_xyxy) == 0


@pytest.mark.parametrize(
    ("path", "score"), [(f"{CORAL}/bird_segmentation.bmp", 0.73), (f"{IMAGES}/chelsea.png", 0.98)]
)
def test_mistakes_of_ultraface(ultraface: UltraFace, path: str, score: float) -> None:
    """A bird, and a cat, that it takes for a face."""
    assert ultraface(picture(path), 0.5)[1][0] == pytest.approx(score, abs=0.005)


@pytest.mark.parametrize(("path", "count"), FACES.items())
def test_blazeface_finds_the_faces(blaze: AnchorDetector, path: str, count: int) -> None:
    """In face.jpg the two in front: it is made for faces near the camera."""
    assert len(blaze(picture(path), 0.6).boxes_xyxy) == count


@pytest.mark.parametrize("path", [f"{CORAL}/grace_hopper.bmp", f"{CORAL}/squat.bmp", f"{CORAL}/owl.jpg"])
def test_fast_blazeface_is_the_same(blaze: AnchorDetector, path: str) -> None:
    """What `benchmarks/blazeface.py` times, and it is right again in the next frame."""
    rgb = placed(path, 640, 480)
    fast = FastBlazeFace(shared("models/blazeface_short_range.tflite"), 640, 480, 0.5)
    expected = blaze(rgb, 0.5)
    for _ in range(2):
        found = fast(rgb)
        assert found.scores == pytest.approx(expected.scores, abs=1e-4)
        assert found.boxes_xyxy == pytest.approx(expected.boxes_xyxy, abs=0.02)
        assert found.points_xy == pytest.approx(expected.points_xy, abs=0.02)


def test_mistake_of_blazeface(blaze: AnchorDetector, ultraface: UltraFace) -> None:
    """In squat.bmp it has one box, which is off the face."""
    rgb = picture(f"{CORAL}/squat.bmp")
    (box,), (face,) = blaze(rgb, 0.6).boxes_xyxy, ultraface(rgb, 0.9)[0]
    assert blaze(rgb, 0.6).scores[0] == pytest.approx(0.74, abs=0.005)
    assert coco.iou(box, face[None])[0] < 0.3


def test_sampling_decides_whether_a_face_is_found(blaze: AnchorDetector) -> None:
    """A 720p frame is shrunk tenfold: smoothing between two pixels of ten is another picture, not a better one."""
    rgb = placed(f"{CORAL}/squat.bmp", 640, 480)
    assert blaze(rgb, 0.5, "nearest").scores == pytest.approx([0.5975, 0.5556], abs=0.001)
    assert len(blaze(rgb, 0.5, "linear").scores) == 1


def test_sinet_on_coco_persons() -> None:
    network = SiNet(shared("models/segment/sinet_portrait.onnx"))
    scores = [mask_iou(network(rgb) == 1, person) for rgb, person in coco.persons(0.15)]
    assert len(scores) == 25
    assert np.mean(scores) == pytest.approx(0.460, abs=0.001)


def test_deeplab_on_a_bird() -> None:
    """Everything that the mask marks counts as bird, its two small odd classes included; without them it is 0.819."""
    network = DeepLab(shared("models/deeplabv3_mnv2_dm05_pascal_quant.tflite"))
    bird = network(picture(f"{CORAL}/bird_segmentation.bmp")) == 3
    truth = mask(f"{CORAL}/bird_segmentation_mask.bmp")
    assert mask_iou(bird, truth > 0) == pytest.approx(0.815, abs=0.001)
    assert mask_iou(bird, truth == 3) == pytest.approx(0.819, abs=0.001)


@pytest.mark.parametrize("path", FACES)
def test_face_marks_are_where_blazeface_sees_the_mouth(blaze: AnchorDetector, path: str) -> None:
    rgb = picture(path)
    network = FaceMarks(shared("models/face/face_landmark.tflite"))
    faces = blaze(rgb, 0.6)
    for box, points in zip(faces.boxes_xyxy, faces.points_xy, strict=True):
        crop, left_top = face_crop(rgb, box)
        marks = network(crop)
        assert marks.score > 0.99
        mouth = marks.points_xy[[13, 14]].mean(axis=0) + left_top
        assert np.abs(mouth - points[3]).max() < 0.06 * (box[2] - box[0])


def test_no_face_in_a_parrot() -> None:
    assert FaceMarks(shared("models/face/face_landmark.tflite"))(picture(f"{CORAL}/parrot.jpg")).score < 0.001


def test_body_marks_against_another_network() -> None:
    """MoveNet's joints, which come with the picture; the networks disagree by 0.084 of the picture at one hip."""
    marks = BodyMarks(shared("models/pose/pose_landmark_lite.tflite"))(picture(f"{CORAL}/squat.bmp"))
    truth = coco.movenet_joints()
    assert marks.score > 0.99
    apart = np.abs(marks.points_xy[list(truth)] / [500, 610] - list(truth.values())).max(axis=1)
    assert np.median(apart) < 0.02
    assert apart.max() < 0.09


def test_the_pose_detector_sees_hips_and_shoulders_where_movenet_does() -> None:
    found = pose_detector(shared("models/pose/pose_detection.tflite"))(picture(f"{CORAL}/squat.bmp"), 0.5)
    joints = coco.movenet_joints()
    assert len(found.scores) == 1
    for point, pair in ((0, (23, 24)), (2, (11, 12))):
        middle = np.mean([joints[each] for each in pair], axis=0) * [500, 610]
        assert np.abs(found.points_xy[0, point] - middle).max() < 25
