"""Makes pictures twice as large with the bundled network, of any size, and says what is gained over bicubic.

python examples/enlarge_pictures.py holiday/ --save larger/
python examples/enlarge_pictures.py sharp.png --compare       # made smaller first: how much of it comes back?
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2

import edgemm
from edgemm import data
from edgemm.judge import TruePicture, metric


def main() -> None:
    """One line per picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pictures", help="a picture, a folder, a pattern in quotes, or a video")
    bundled = str(data.path("models/super_resolution_x2.int8.tflite"))
    parser.add_argument("--model", default=bundled, help="makes pictures of pictures")
    parser.add_argument(
        "--save", type=Path, metavar="FOLDER", help="write each larger picture there, as a PNG"
    )
    parser.add_argument("--compare", action="store_true", help="make each picture smaller first, and compare")
    options = parser.parse_args()
    with edgemm.load(options.model) as model, edgemm.open_source(options.pictures) as source:
        while isinstance(frame := source.read(), edgemm.Frame):
            code = {"rgb": None, "bgr": cv2.COLOR_BGR2RGB, "gray": cv2.COLOR_GRAY2RGB}[frame.color]
            picture: Any = frame.pixels if code is None else cv2.cvtColor(frame.pixels, code)
            given = half(picture) if options.compare else picture
            larger: Any = model(given)
            height, width = larger.pixels.shape[:2]
            line = f"{frame.origin}: {given.shape[1]} x {given.shape[0]} -> {width} x {height}"
            if options.compare:
                smooth = cv2.resize(given, (width, height), interpolation=cv2.INTER_CUBIC)
                figures = [metric("picture"), metric("picture")]
                for each, made in zip(figures, (larger, edgemm.Picture(smooth)), strict=True):
                    each.add(made, TruePicture(picture[:height, :width], border=4))
                line += f"; PSNR {figures[0].value():.2f} dB, bicubic {figures[1].value():.2f} dB"
            print(line)
            if options.save:
                options.save.mkdir(parents=True, exist_ok=True)
                name = f"{frame.sequence:06}-{Path(frame.origin).stem}.png"
                cv2.imwrite(str(options.save / name), cv2.cvtColor(larger.pixels, cv2.COLOR_RGB2BGR))


def half(picture: Any) -> Any:
    """Each pixel the mean of four."""
    height, width = picture.shape[:2]
    return cv2.resize(picture, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    main()
