"""Pictures twice as large, by the bundled network: decibels of brightness over bicubic, in float and int8; and whether
the tiles of a large picture are seen.

Photographs that it was not trained with (EDGEMM_SHARED, data/images) are made smaller by an antialiased bicubic, and
larger by the network and by the same bicubic; PSNR without 4 pixels along the edges. Peers: ESPCN x3 and ESRGAN-slim x2
of models/enhance, as they are, over bicubic.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import edgemm
from benchmarks.shared import find
from edgemm import data

PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png")
FILES = (".onnx", ".int8.tflite", ".int8.onnx")
LEAST_DB, MOST_LOST_DB = 0.5, 0.2
LARGE_WH = 1000, 700
PEERS = (
    ("espcn_x3_224", 3, "super-resolution-luma", 0.0),
    ("esrgan_slim_x2", 2, "super-resolution", -1.0),
)
"""File, factor, preset, and decibels at least: ESRGAN was trained to look sharp, not to be near."""
Pixels = npt.NDArray[np.uint8]


def run() -> list[dict[str, Any]]:
    """Gain of each file, and jumps at the borders of tiles."""
    shared = find(*(f"data/images/{name}" for name in PHOTOGRAPHS))
    if shared is None:
        return []
    sys.path.append(str(Path(__file__).parents[1] / "examples" / "train"))
    from photographs import lumas

    truths = lumas(shared / "data/images", dict.fromkeys(PHOTOGRAPHS, (1.0,)))
    gains = {suffix: gained(data.path(f"models/super_resolution_x2{suffix}"), truths) for suffix in FILES}
    rows = [
        {
            "name": f"super_resolution_x2{suffix}: dB over bicubic on held-out photographs",
            "ratio": gain,
            "limit": (
                limit := LEAST_DB if suffix == ".onnx" else max(LEAST_DB, gains[".onnx"] - MOST_LOST_DB)
            ),
            "ok": gain >= limit,
        }
        for suffix, gain in gains.items()
    ]
    return [*rows, *(_seams(shared, suffix) for suffix in FILES), *_peers(shared)]


def gained(path: Path, truths: list[Pixels], factor: int = 2, **card: Any) -> float:
    """Decibels over bicubic, the mean over photographs."""
    from photographs import bicubic, psnr

    found = []
    with edgemm.load(path, **card) as model:
        for whole in truths:
            height, width = (side // factor * factor for side in whole.shape)
            truth = whole[:height, :width]
            small = bicubic(truth, (height // factor, width // factor))
            made: Any = model(
                small if model.card.recipe.color == "luma" else small[:, :, None].repeat(3, axis=2)
            )
            pixels = made.pixels if made.pixels.ndim == 2 else brightness(made.pixels)
            found.append(psnr(pixels, truth) - psnr(bicubic(small, truth.shape), truth))
    return float(np.mean(found))


def brightness(pixels: Pixels) -> Pixels:
    """Of a coloured picture."""
    from edgemm.judge.pictures import brightness as exact

    return np.rint(exact(pixels)).astype(np.uint8)


def _seams(shared: Path, suffix: str) -> dict[str, Any]:
    """The largest jump across borders of tiles, of that elsewhere."""
    import cv2

    picture: Any = cv2.imread(str(shared / "data/images/coffee.png"), cv2.IMREAD_GRAYSCALE)
    large = cv2.resize(picture, LARGE_WH, interpolation=cv2.INTER_CUBIC)
    with edgemm.load(data.path(f"models/super_resolution_x2{suffix}")) as model:
        made: Any = model(large)
        recipe = model.card.recipe
        tile = model.card.inputs[0].shape[2]
    step = 2 * (tile - 2 * recipe.margin - recipe.blend)
    ratios = {}
    for axis in (0, 1):
        # the second difference: how far a pixel's step is from the steps beside it
        jumps = np.abs(np.diff(made.pixels.astype(int), n=3, axis=axis)).max(axis=1 - axis)
        places = np.arange(step, made.pixels.shape[axis], step)
        border = np.unique(np.clip(np.concatenate([places - 3, places - 2, places - 1]), 0, len(jumps) - 1))
        elsewhere = np.delete(jumps, border)
        ratios["across" if axis else "down"] = float(jumps[border].max() / elsewhere.max())
    return {
        "name": f"super_resolution_x2{suffix}: largest jump at tile borders, of that elsewhere, {LARGE_WH[0]} x "
        f"{LARGE_WH[1]}",
        "ratio": max(ratios.values()),
        "limit": 1.0,
        "ok": max(ratios.values()) <= 1.0,
        "details": ratios,
    }


def _peers(shared: Path) -> list[dict[str, Any]]:
    """Others' networks in tiles: as near as they are known to be."""
    from photographs import lumas

    truths = lumas(shared / "data/images", dict.fromkeys(PHOTOGRAPHS, (1.0,)))
    rows = []
    for name, factor, preset, least in PEERS:
        path = shared / f"models/enhance/{name}.onnx"
        if path.exists():
            gain = gained(path, truths, factor, card=preset)
            title = f"{name} in tiles: dB over bicubic x{factor}"
            rows.append({"name": title, "ratio": gain, "limit": least, "ok": gain >= least})
    return rows


if __name__ == "__main__":
    for each in run():
        print(json.dumps(each))
