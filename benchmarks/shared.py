"""Models and recordings outside the project, in the folder that EDGEMM_SHARED names, or ../shared."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

Sound = tuple[npt.NDArray[np.float32], int]
"""float32[n] in -1..1, and hertz."""


def find(*needed: str) -> Path | None:
    """The folder, where it has all that is needed; else None, said on stdout."""
    root = Path(os.environ.get("EDGEMM_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    missing = [path for path in needed if not (root / path).exists()]
    if not missing:
        return root
    print(json.dumps({"skipped": f"EDGEMM_SHARED has no {', '.join(missing)}"}))
    return None


def sounds(folder: Path, pattern: str) -> Iterator[Sound]:
    """The recordings that match, .wav or .flac, in the order of their names."""
    for path in sorted(folder.glob(pattern)):
        yield sound(path)


def sound(path: Path) -> Sound:
    """One recording, its first channel."""
    import soundfile

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return np.ascontiguousarray(samples[:, 0]), int(rate)


def blocks(samples: npt.NDArray[np.float32], length: int) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Position and samples of each block."""
    for at in range(0, len(samples), length):
        yield at, samples[at : at + length]
