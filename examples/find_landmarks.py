"""Finds the points of a face, a hand or a body in the middle of the picture, and follows the strongest of them.

python examples/find_landmarks.py pose.tflite --source camera:0 --at-least 0.3 --save points/
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

import edgemm
from edgemm import data


def main() -> None:
    """One line per picture, then the account of every frame."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a landmark network, with a card or a file that says what it is")
    parser.add_argument(
        "--source", default=str(data.path("digits")), help="camera:0, picture, folder or video"
    )
    parser.add_argument("--at-least", type=float, default=0.3, help="smallest score of a point (default 0.3)")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="write each picture with its points")
    options = parser.parse_args()
    with (
        edgemm.load(options.model) as model,
        edgemm.open_source(options.source) as source,
        model.stream(source) as stream,
    ):
        for item in stream:
            found = item.value
            if isinstance(found, edgemm.Landmarks):
                print(f"{item.sequence:6} {item.age_ms:6.2f} ms  {described(found, options.at_least)}")
                if options.save:
                    options.save.mkdir(parents=True, exist_ok=True)
                    drawn = edgemm.draw(item.frame, found)
                    cv2.imwrite(str(options.save / f"{item.sequence:06}.png"), drawn[:, :, ::-1])
        print(stream.ledger.summary())


def described(found: edgemm.Landmarks, at_least: float) -> str:
    """How many points are sure enough, and name, score and place of the surest three."""
    sure = np.flatnonzero(found.scores >= at_least)
    names = found.names or tuple(str(number) for number in range(len(found.scores)))
    best = sorted(sure, key=lambda number: -found.scores[number])[:3]
    points = found.points_xy.astype(float).round(1).tolist()
    places = (f"{names[at]} {found.scores[at]:.0%} at {points[at]}" for at in best)
    return f"{len(sure)} of {len(names)} points; {'; '.join(places)}"


if __name__ == "__main__":
    main()
