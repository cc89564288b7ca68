"""Makes handwritten digits by their label with the bundled generator, and lets the bundled classifier read them.

python examples/make_digits.py 2 0 2 6 --save year.png
python examples/make_digits.py 7 7 7 7 --seed 40            # four different sevens
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import edgemm
from edgemm import data


def main() -> None:
    """One line per digit; a picture of all of them beside each other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("digits", nargs="*", default=list("0123456789"), help="labels (default: 0 to 9)")
    bundled = str(data.path("models/digit_generator.int8.tflite"))
    parser.add_argument("--model", default=bundled, help="a generator of pictures by label")
    parser.add_argument("--seed", type=int, default=0, help="of the first digit; the next has the next one")
    parser.add_argument("--save", type=Path, metavar="OUT.png", help="write all of them into one picture")
    options = parser.parse_args()
    with edgemm.load(options.model) as generator, edgemm.load(data.path("models/digits.onnx")) as reader:
        made: list[Any] = []
        for at, digit in enumerate(options.digits):
            made += generator.generate(options.seed + at, label=digit)
            read: Any = reader(made[-1].pixels)
            print(f"{digit}: seed {options.seed + at}, read as {read.label} ({read.score:.0%})")
        if options.save:
            row = np.concatenate([each.pixels for each in made], axis=1)
            if not cv2.imwrite(str(options.save), row):
                raise SystemExit(f"{options.save}: cannot be written. Is its folder there?")


if __name__ == "__main__":
    main()
