"""Names of the points of well-known networks, and the lines that are drawn between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

Edges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Points and lines."""

    count: int
    """Points."""
    names: tuple[str, ...]
    """One for each point, or none."""
    edges: Edges
    """Pairs of points."""


def _sides(*names: str) -> Iterator[str]:
    """Left before right, for each name."""
    for name in names:
        yield from (f"left_{name}", f"right_{name}")


def _lines(*paths: str) -> Edges:
    """ "0-1-2" joins 0 to 1 and 1 to 2."""
    return tuple(edge for path in paths for edge in pairwise(map(int, path.split("-"))))


_COCO17 = Skeleton(
    17,
    ("nose", *_sides("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")),
    _lines("3-1-0-2-4", "9-7-5-6-8-10", "5-11-13-15", "6-12-14-16", "11-12"),
)

_POSE33 = Skeleton(
    33,
    (
        "nose",
        *("left_eye_inner", "left_eye", "left_eye_outer"),
        *("right_eye_inner", "right_eye", "right_eye_outer"),
        *_sides("ear"),
        *("mouth_left", "mouth_right"),
        *_sides("shoulder", "elbow", "wrist", "pinky", "index", "thumb"),
        *_sides("hip", "knee", "ankle", "heel", "foot_index"),
    ),
    _lines(
        "7-3-2-1-0-4-5-6-8",
        "9-10",
        "11-12-24-23-11",
        *("11-13-15-17-19-15-21", "12-14-16-18-20-16-22"),
        *("23-25-27-29-31-27", "24-26-28-30-32-28"),
    ),
)

_POSE39 = Skeleton(
    39,
    (*_POSE33.names, "body_center", "body_circle", *(f"auxiliary_{at}" for at in range(35, 39))),
    _POSE33.edges,
)
"""With the points that the next picture's crop is made of: the middle of the hips, and a point on the circle around the
whole body, above it."""

_HAND21 = Skeleton(
    21,
    (
        "wrist",
        *("thumb_cmc", "thumb_mcp", "thumb_ip", "thumb_tip"),
        *(
            f"{finger}_{joint}"
            for finger in ("index", "middle", "ring", "pinky")
            for joint in ("mcp", "pip", "dip", "tip")
        ),
    ),
    _lines("0-1-2-3-4", "0-5-6-7-8", "9-10-11-12", "13-14-15-16", "0-17-18-19-20", "5-9-13-17"),
)

_FACE468 = Skeleton(
    468,
    (),
    _lines(
        # Oval of the face, from the forehead to the chin and back.
        "10-338-297-332-284-251-389-356-454-323-361-288-397-365-379-378-400-377-152"
        "-148-176-149-150-136-172-58-132-93-234-127-162-21-54-103-67-109-10",
        # Lips: outer and inner line.
        "61-146-91-181-84-17-314-405-321-375-291-409-270-269-267-0-37-39-40-185-61",
        "78-95-88-178-87-14-317-402-318-324-308-415-310-311-312-13-82-81-80-191-78",
        # Eyes: of the right half of the face (left in the picture), then of the left one.
        "33-7-163-144-145-153-154-155-133-173-157-158-159-160-161-246-33",
        "263-249-390-373-374-380-381-382-362-398-384-385-386-387-388-466-263",
    ),
)

SKELETONS: Mapping[str, Skeleton] = {
    "coco17": _COCO17,
    "mediapipe_pose33": _POSE33,
    "mediapipe_pose39": _POSE39,
    "mediapipe_hand21": _HAND21,
    "mediapipe_face468": _FACE468,
}
"""Name in a card -> skeleton."""
