"""Tables of points and lines: what published definitions say of them."""

from __future__ import annotations

import pytest

from edgemm.tasks.landmarks.skeletons import SKELETONS

pytestmark = pytest.mark.device


@pytest.mark.parametrize("name", SKELETONS)
def test_lines_join_points_that_exist_and_none_twice(name: str) -> None:
    skeleton = SKELETONS[name]
    assert all(0 <= at < skeleton.count for edge in skeleton.edges for at in edge)
    assert all(a != b for a, b in skeleton.edges)
    assert len({frozenset(edge) for edge in skeleton.edges}) == len(skeleton.edges)
    assert len(skeleton.names) in (0, skeleton.count)
    assert len(set(skeleton.names)) == len(skeleton.names)


def test_coco_is_numbered_as_in_its_annotations() -> None:
    """ "keypoints" of the category person in COCO's person_keypoints files."""
    published = (
        "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow left_wrist "
        "right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle"
    )
    assert " ".join(SKELETONS["coco17"].names) == published


@pytest.mark.parametrize(
    ("name", "number", "point"),
    [
        ("mediapipe_pose33", 7, "left_ear"),
        ("mediapipe_pose33", 9, "mouth_left"),
        ("mediapipe_pose33", 16, "right_wrist"),
        ("mediapipe_pose33", 21, "left_thumb"),
        ("mediapipe_pose33", 23, "left_hip"),
        ("mediapipe_pose33", 29, "left_heel"),
        ("mediapipe_pose33", 32, "right_foot_index"),
        ("mediapipe_hand21", 0, "wrist"),
        ("mediapipe_hand21", 4, "thumb_tip"),
        ("mediapipe_hand21", 9, "middle_mcp"),
        ("mediapipe_hand21", 20, "pinky_tip"),
    ],
)
def test_mediapipe_is_numbered_as_in_its_documentation(name: str, number: int, point: str) -> None:
    assert SKELETONS[name].names[number] == point


@pytest.mark.parametrize(
    ("name", "lines"), [("mediapipe_pose33", 35), ("mediapipe_hand21", 21), ("coco17", 16)]
)
def test_number_of_lines(name: str, lines: int) -> None:
    assert len(SKELETONS[name].edges) == lines


@pytest.mark.parametrize("name", ["coco17", "mediapipe_pose33"])
def test_limbs_are_the_same_on_both_sides(name: str) -> None:
    skeleton = SKELETONS[name]
    names = {frozenset(skeleton.names[at] for at in edge) for edge in skeleton.edges}
    mirrored = {
        frozenset(point.replace("left", "#").replace("right", "left").replace("#", "right") for point in edge)
        for edge in names
    }
    assert mirrored == names


def test_contours_of_a_face_are_closed() -> None:
    ends = [at for edge in SKELETONS["mediapipe_face468"].edges for at in edge]
    assert all(ends.count(at) == 2 for at in ends)
    assert len(ends) // 2 == 36 + 20 + 20 + 16 + 16
