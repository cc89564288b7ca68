"""Finds hands, follows them, and says which sign each makes: open, closed, pointing, OK.

The networks of palms and hands are in PyPI's mediapipe==0.10.14 (mediapipe/modules/), that of signs is the
keypoint_classifier.tflite of hand-gesture-recognition-mediapipe.

python examples/read_gestures.py palm_detection_full.tflite hand_landmark_full.tflite keypoint_classifier.tflite
"""

from __future__ import annotations

import argparse

import edgemm
from edgemm.chain.mediapipe import hands


def main() -> None:
    """One line for each hand in each picture, then the account of every frame."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("palms", help="the network that finds palms")
    parser.add_argument("marks", help="the network that finds 21 points of a hand")
    parser.add_argument("signs", help="the network that reads signs from points")
    parser.add_argument("--source", default="camera:0", help="camera:0, picture, folder or video")
    parser.add_argument("--hands", type=int, default=2, help="at most so many (default 2)")
    options = parser.parse_args()
    crop, track = hands(options.hands, every_s=0.5)
    with (
        edgemm.load(options.palms, card="blazepalm") as palms,
        edgemm.load(options.marks, card="hand-landmarks") as marks,
        edgemm.load(options.signs, card="hand-gesture") as signs,
        palms.then(crop, marks, name="hand", track=track).then(signs, name="sign") as chain,
        edgemm.open_source(options.source) as source,
        chain.stream(source, edgemm.Budget(max_age_ms=100)) as stream,
    ):
        for item in stream:
            scene = item.value
            for thing in scene.things if isinstance(scene, edgemm.Scene) else ():
                sign = thing.results.get("sign")
                if isinstance(sign, edgemm.Classification):
                    x, y = thing.box_xyxy.reshape(2, 2).mean(axis=0).round().tolist()
                    print(
                        f"{item.sequence:6} hand {thing.track}: {sign.label} {sign.score:.0%} at {x:.0f}, {y:.0f}"
                    )
        print(stream.ledger.summary())


if __name__ == "__main__":
    main()
