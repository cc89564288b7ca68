"""Gives each pixel of a camera's or a file's pictures a class, and says how much of the picture each class takes.

python examples/segment_scene.py out/demo/scene_segmenter.int8.tflite --source walk.mp4 --save masks/
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
    parser.add_argument("model", help="a segmenter: an artifact of edgemm, or a file that says what it is")
    parser.add_argument(
        "--source", default=str(data.path("digits")), help="camera:0, picture, folder or video"
    )
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="write each coloured picture there")
    options = parser.parse_args()
    with (
        edgemm.load(options.model) as model,
        edgemm.open_source(options.source) as source,
        model.stream(source) as stream,
    ):
        for item in stream:
            mask = item.value
            if isinstance(mask, edgemm.Segmentation):
                print(f"{item.sequence:6} {item.age_ms:6.2f} ms  {shares(mask)}")
                if options.save:
                    options.save.mkdir(parents=True, exist_ok=True)
                    drawn = edgemm.draw(item.frame, mask)
                    cv2.imwrite(str(options.save / f"{item.sequence:06}.png"), drawn[:, :, ::-1])
        print(stream.ledger.summary())


def shares(mask: edgemm.Segmentation) -> str:
    """Share of the picture of each class that is in it, largest first."""
    counts = np.bincount(mask.classes.ravel())
    present = [int(number) for number in np.argsort(-counts, kind="stable") if counts[number]]
    names = mask.labels or tuple(str(number) for number in range(len(counts)))
    return ", ".join(f"{names[number]} {counts[number] / mask.classes.size:.1%}" for number in present)


if __name__ == "__main__":
    main()
