"""Log-mel for each 10 ms hop: the running window against batched numpy over the last second.

Measured in a process of its own with one thread of BLAS: the clock counts the CPU time of all threads, and
idle ones of OpenBLAS spin, which would count against the batched way.
"""

from __future__ import annotations

import json
import sys
from itertools import cycle
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.timing import in_child, interleaved
from edgemm.card import AudioRecipe, InputCard
from edgemm.preprocess import compile_audio
from edgemm.preprocess.mel import mel_bank
from edgemm.tensors import TensorSpec

LIMIT = 0.10
TOLERANCE = 1e-4
"""Natural-log units: both ways round differently, in the FFT and in the sums over bins."""
RECIPE = AudioRecipe()
SPEC = TensorSpec("input", (1, RECIPE.frames, RECIPE.n_mels), "float32")
SPAN = (RECIPE.frames - 1) * RECIPE.hop + RECIPE.window
"""Samples in one window: 0.995 s."""


class Batched:
    """All frames of a window at once in numpy; filter bank and Hann window are made beforehand."""

    def __init__(self, recipe: AudioRecipe) -> None:
        self.recipe = recipe
        self.hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(recipe.window) / recipe.window)
        self.bank = mel_bank(
            recipe.sample_rate, recipe.n_fft, recipe.n_mels, recipe.fmin, recipe.fmax, recipe.mel_scale
        ).T.astype(np.float64)

    def __call__(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """float32[n] -> float64[frames, n_mels]."""
        recipe = self.recipe
        frames = np.lib.stride_tricks.sliding_window_view(samples, recipe.window)[:: recipe.hop]
        power = np.abs(np.fft.rfft(frames * self.hann, recipe.n_fft)) ** recipe.power
        mel: npt.NDArray[np.float64] = np.log(power @ self.bank + recipe.log_offset)
        return mel


def run() -> dict[str, Any]:
    """Ratio of the medians for one hop, the tensor written both ways; `ok` also needs equal values."""
    details = in_child("benchmarks.logmel", {"OPENBLAS_NUM_THREADS": "1"})
    ratio = details["edgemm_us"] / details["batched_us"]
    return {
        "name": "log-mel per 10 ms hop, against batched numpy over the last second",
        "ratio": ratio,
        "limit": LIMIT,
        "ok": ratio <= LIMIT and details["max_abs_error"] <= TOLERANCE,
        "details": details,
    }


def measure(rounds: int = 60) -> dict[str, float]:
    """Medians in this process, and the largest difference of the values."""
    samples = (np.random.default_rng(0).standard_normal(3 * SPAN) * 0.1).astype(np.float32)
    window = compile_audio(InputCard(layout="NTF", audio=RECIPE), SPEC)
    running, recomputed = np.empty(SPEC.shape, np.float32), np.empty(SPEC.shape, np.float32)
    hops = cycle(samples[at : at + RECIPE.hop] for at in range(0, SPAN - RECIPE.window, RECIPE.hop))
    batched = Batched(RECIPE)

    def incremental() -> None:
        for _ in window.push(next(hops), RECIPE.sample_rate):
            window.write(running)

    def recompute() -> None:
        recomputed[0] = batched(samples[:SPAN])

    medians = interleaved({"edgemm": incremental, "batched": recompute}, rounds, repeats=10)
    return {
        "edgemm_us": medians["edgemm"] * 1e6,
        "batched_us": medians["batched"] * 1e6,
        "max_abs_error": _worst_error(samples),
    }


def _worst_error(samples: npt.NDArray[np.float32]) -> float:
    """Largest difference between the two ways over all windows in `samples`."""
    window, batched = compile_audio(InputCard(layout="NTF", audio=RECIPE), SPEC), Batched(RECIPE)
    out = np.empty(SPEC.shape, np.float32)
    worst = 0.0
    for end in window.push(samples, RECIPE.sample_rate):
        window.write(out)
        worst = max(worst, float(np.abs(out[0] - batched(samples[end - SPAN : end])).max()))
    return worst


def main() -> int:
    """Prints the result as JSON; 1 when the limit is missed."""
    if "--measure" in sys.argv:
        print(json.dumps(measure()))
        return 0
    result = run()
    print(json.dumps(result, indent=1))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
