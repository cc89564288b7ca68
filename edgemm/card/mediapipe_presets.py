"""Cards of the networks in MediaPipe 0.10.14 that find faces, bodies and hands, and of gesture networks behind them.

Detectors take whole pictures; landmark networks the square around one face, body or hand, as a chain crops it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgemm.card.model_card import InputCard, ModelCard, OutputCard
from edgemm.card.recipes import ImageRecipe, PointsRecipe
from edgemm.card.tasks import recipe


def _detector(
    side: int, strides: tuple[int, ...], points: int, label: str, image: Mapping[str, Any]
) -> ModelCard:
    """Anchors in a square of `side` pixels, the picture letterboxed in black."""
    return ModelCard(
        task="detection",
        family="CNN",
        inputs=(
            InputCard(
                modality="image",
                image=ImageRecipe(resize="letterbox", interpolation="mediapipe", pad_value=0, **image),
            ),
        ),
        labels=(label,),
        recipe=recipe(
            "detection",
            head="anchors",
            threshold=0.5,
            iou=0.3,
            nms="weighted",
            activation="sigmoid",
            score_clip=100.0,
            points=points,
            strides=strides,
            box_scales=(float(side),) * 4,
        ),
    )


def _landmarks(**section: Any) -> ModelCard:
    return ModelCard(
        task="landmarks",
        family="CNN",
        inputs=(InputCard(modality="image", image=ImageRecipe(interpolation="mediapipe")),),
        recipe=recipe("landmarks", **section),
    )


def _gesture(labels: tuple[str, ...], points: PointsRecipe) -> ModelCard:
    return ModelCard(
        task="classification",
        inputs=(InputCard(modality="points", points=points),),
        outputs=(OutputCard(decode="probabilities"),),
        labels=labels,
        recipe=recipe("classification"),
    )


_AROUND_ZERO: Mapping[str, Any] = {"mean": (0.5,), "std": (0.5,)}

MEDIAPIPE: Mapping[str, ModelCard] = {
    # face_detection_short_range.tflite: faces within two metres; eyes, nose, mouth, ears.
    "blazeface": _detector(128, (8, 16, 16, 16), 6, "face", _AROUND_ZERO),
    # pose_detection.tflite: middle of the hips, circle around the body, middle of the shoulders, circle around the
    # upper body.
    "blazepose": _detector(224, (8, 16, 32, 32, 32), 4, "person", _AROUND_ZERO),
    # palm_detection_full.tflite and _lite: wrist, four fingers' first joints, thumb's first two.
    "blazepalm": _detector(192, (8, 16, 16, 16), 7, "palm", {}),
    # face_landmark.tflite: 1.5 times the box of a face, turned by the eyes.
    "face-landmarks": _landmarks(
        points="conv2d_21",
        values=("x", "y", "z"),
        presence="conv2d_31",
        presence_decode="logit",
        skeleton="mediapipe_face468",
    ),
    # pose_landmark_lite.tflite, _full and _heavy: the circle around a body, 1.25 times as large.
    "pose-landmarks": _landmarks(
        points="Identity",
        values=("x", "y", "z", "score", "skip"),
        scores="logits",
        presence="Identity_1",
        refine="Identity_3",
        skeleton="mediapipe_pose39",
    ),
    # hand_landmark_full.tflite and _lite: 2.6 times the box of a palm, turned by wrist and middle finger.
    "hand-landmarks": _landmarks(
        points="Identity",
        values=("x", "y", "z"),
        presence="Identity_1",
        skeleton="mediapipe_hand21",
    ),
    # keypoint_classifier.tflite of hand-gesture-recognition-mediapipe: 21 points around the wrist.
    "hand-gesture": _gesture(
        ("Open", "Close", "Pointer", "OK"), PointsRecipe(origin="point", divide_by="largest")
    ),
    # point_history_classifier.tflite: where the tip of the index finger was in 16 pictures.
    "finger-gesture": _gesture(
        ("Stop", "Clockwise", "Counter Clockwise", "Move"),
        PointsRecipe(points=(8,), history=16, origin="first", divide_by="picture"),
    ),
}
"""Name -> card."""
