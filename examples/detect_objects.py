"""Finds objects on a camera or in files, prints them, and saves the pictures with boxes.

python examples/detect_objects.py out/demo/scene_detector.int8.tflite --source walk.mp4 --save found/
python examples/detect_objects.py detector.tflite --source camera:0 --threshold 0.6 --classes person dog
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2

import edgemm
from edgemm import data


def main() -> None:
    """One line per picture, then the account of every frame."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a detector: an artifact of edgemm, or a file that says what it is")
    parser.add_argument(
        "--source", default=str(data.path("digits")), help="camera:0, picture, folder or video"
    )
    parser.add_argument("--threshold", type=float, help="smallest score (default: the model's own)")
    parser.add_argument("--classes", nargs="+", metavar="LABEL", help="look for these alone")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="write each picture with its boxes there")
    chosen = parser.parse_args()
    given = {"threshold": chosen.threshold, "classes": tuple(chosen.classes) if chosen.classes else None}
    options = {name: value for name, value in given.items() if value is not None}
    with (
        edgemm.load(chosen.model, **options) as model,
        edgemm.open_source(chosen.source) as source,
        model.stream(source) as stream,
    ):
        for item in stream:
            found = item.value
            if isinstance(found, edgemm.Detections):
                print(f"{item.sequence:6} {item.age_ms:6.2f} ms  {described(found)}")
                if chosen.save:
                    chosen.save.mkdir(parents=True, exist_ok=True)
                    drawn = edgemm.draw(item.frame, found)
                    cv2.imwrite(str(chosen.save / f"{item.sequence:06}.png"), drawn[:, :, ::-1])
        print(stream.ledger.summary())


def described(found: edgemm.Detections) -> str:
    """Label, score and place of each box, best first."""
    names = found.labels or tuple(str(number) for number in found.class_ids)
    rows = zip(names, found.scores, found.boxes_xyxy, strict=True)
    return "; ".join(f"{name} {score:.0%} at {box.round().astype(int).tolist()}" for name, score, box in rows)


if __name__ == "__main__":
    main()
