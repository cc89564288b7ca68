"""Reads the text in pictures, prints it, and saves the pictures with what was read.

python examples/read_page.py --save read/
python examples/read_page.py ocr.zip --source page.png
python examples/read_page.py ppocr/ --source "scans/*.png" --most-side 3200
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2

import edgemm
from edgemm import data


def main() -> None:
    """The lines of each picture, then the account of every frame."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    own, page = data.path("models/page_reader.tflite.zip"), data.path("pages/receipt.png")
    parser.add_argument(
        "bundle",
        nargs="?",
        default=str(own),
        help="a bundle of the driver ocr, or a folder with PP-OCR's .onnx files (default: the bundled one)",
    )
    parser.add_argument("--source", default=str(page), help="picture, folder, video or camera:0")
    parser.add_argument("--most-side", type=int, default=1920, help="pixels: more finds smaller letters")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="write each picture with its lines there")
    chosen = parser.parse_args()
    with (
        edgemm.load(chosen.bundle, most_side=chosen.most_side) as bundle,
        edgemm.open_source(chosen.source) as source,
        bundle.stream(source) as stream,
    ):
        for item in stream:
            found = item.value
            if isinstance(found, edgemm.TextLines):
                print(f"--- picture {item.sequence}, {item.age_ms:.0f} ms")
                print(found.text)
                if chosen.save:
                    chosen.save.mkdir(parents=True, exist_ok=True)
                    drawn = edgemm.draw(item.frame, found)
                    cv2.imwrite(str(chosen.save / f"{item.sequence:06}.png"), drawn[:, :, ::-1])
        print(stream.ledger.summary())


if __name__ == "__main__":
    main()
