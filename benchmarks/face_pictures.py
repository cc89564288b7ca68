"""Pictures of faces to calibrate a face detector on, and others to judge it by.

Cut out of photographs around the faces that another detector (UltraFace) finds, one to four and a half times as wide as
the face, at random places; every second photograph of COCO is for calibration, the others and four portraits are held
out. Some photographs without a face of any size are calibrated on as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FINDER = "models/detect/ultraface_rfb320.onnx"
PHOTOGRAPHS = "data/coco128_val/images"
PORTRAITS = tuple(
    f"data/{name}"
    for name in (
        "coral_samples/grace_hopper.bmp",
        "coral_samples/face.jpg",
        "coral_samples/squat.bmp",
        "images/astronaut.png",
    )
)
NEEDED = (FINDER, PHOTOGRAPHS, *PORTRAITS)
_SMALLEST_FACE, _SMALLEST_SIDE, _FACES, _CUTS = 40, 64, 4, 2
Picture = npt.NDArray[np.uint8]


def write_pictures(shared: Path, folder: Path) -> tuple[int, int]:
    """Writes `calibrate/*.png` and `held_out/*.png`; tells how many of each. The same at each call."""
    import cv2

    import edgemm
    from tests.by_hand.cards import ULTRAFACE

    for name in ("calibrate", "held_out"):
        (folder / name).mkdir()
    chance = np.random.default_rng(0)
    with edgemm.load(shared / FINDER, card=ULTRAFACE, delegate="cpu") as finder:
        for at, path in enumerate(sorted((shared / PHOTOGRAPHS).iterdir())):
            photograph: Any = cv2.imread(str(path))
            part = "calibrate" if at % 2 else "held_out"
            for number, cut in enumerate(_around_faces(photograph, finder, chance)):
                cv2.imwrite(str(folder / part / f"{path.stem}_{number}.png"), cut)
            if at % 8 == 1:
                cv2.imwrite(str(folder / part / f"{path.stem}.png"), photograph)
        for name in PORTRAITS:
            portrait: Any = cv2.imread(str(shared / name))
            cuts = [portrait, *_around_faces(portrait, finder, chance)]
            for number, cut in enumerate(cuts):
                cv2.imwrite(str(folder / "held_out" / f"{Path(name).stem}_{number}.png"), cut)
    calibrate, held_out = (len(list((folder / name).iterdir())) for name in ("calibrate", "held_out"))
    return calibrate, held_out


def _around_faces(picture: Picture, finder: Any, chance: np.random.Generator) -> Iterator[Picture]:
    """Parts of a picture (BGR), each around a face that is not tiny."""
    height, width = picture.shape[:2]
    found = finder(np.ascontiguousarray(picture[:, :, ::-1]))
    for left, top, right, bottom in found.boxes_xyxy[:_FACES]:
        face = max(right - left, bottom - top)
        for _ in range(_CUTS if face >= _SMALLEST_FACE else 0):
            side = face * chance.uniform(1.6, 4.5)
            x, y = np.array([left + right, top + bottom]) / 2 + chance.uniform(-0.2, 0.2, 2) * side
            columns = slice(max(0, int(x - side / 2)), min(width, int(x + side / 2)))
            rows = slice(max(0, int(y - side / 2)), min(height, int(y + side / 2)))
            if min(columns.stop - columns.start, rows.stop - rows.start) >= _SMALLEST_SIDE:
                yield picture[rows, columns]


def read_pictures(folder: Path) -> list[Picture]:
    """uint8[height, width, 3] RGB of a folder, in the order of their names."""
    import cv2

    read: list[Any] = [cv2.imread(str(path)) for path in sorted(folder.iterdir())]
    return [np.ascontiguousarray(picture[:, :, ::-1]) for picture in read]
