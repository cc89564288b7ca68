"""A generator's digits: what a classifier sees in them, and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

DRAWS = 5000


def drawn(generator: Any, count: int = DRAWS, seed: int = 99) -> Any:
    """float32[count, 1, 28, 28] in -1..1, the same noise for every generator."""
    noise = torch.randn(count, 100, 1, 1, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return torch.cat([generator.eval()(part) for part in noise.split(500)])


def features(classifier: Any, pictures: Any) -> npt.NDArray[np.float64]:
    """What the digits CNN has before its last layer, float64[n, 128], of pictures in -1..1."""
    with torch.no_grad():
        found = [classifier.eval()[:-1]((part + 1) / 2) for part in pictures.split(500)]
    features: npt.NDArray[np.float64] = torch.cat(found).double().numpy()
    return features


def grid(generators: dict[str, Any], path: Path) -> None:
    """A picture: eight rows of ten digits of each generator, side by side, of the same noise."""
    sheets = []
    for generator in generators.values():
        pictures = ((drawn(generator, 80)[:, 0] + 1) * 127.5).numpy().astype(np.uint8)
        rows = pictures.reshape(8, 10, 28, 28).transpose(0, 2, 1, 3).reshape(224, 280)
        sheets.append(np.pad(rows, 4, constant_values=255))
    cv2.imwrite(str(path), np.hstack(sheets))
