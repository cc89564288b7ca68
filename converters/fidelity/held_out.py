"""Which data are for calibration and which for evaluation: fidelity is not measured on data that set the ranges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgemm.converters.samples import Samples

EVALUATED = 128
"""The most samples that fidelity is measured on."""
SHARE = 4
"""One sample of so many is held out."""
MIN_SAMPLES = 8
"""With fewer, all of them are used for both."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """The two parts of the data."""

    calibration: Samples
    gate: Samples
    note: str = ""
    """What is to be said about it; empty where the parts have no sample in common."""


def held_out(samples: Samples, limit: int = EVALUATED) -> HeldOut:
    """Every fourth sample, at most `limit`, for the gate, and the others for calibration; the same data give the same
    parts.

    With labels, every fourth of each class, and a class of one sample calibrates. Without, every fourth as they come,
    which suits folders sorted by class.
    """
    if len(samples) < MIN_SAMPLES:
        note = (
            f"fidelity was measured on the calibration data: {len(samples)} samples are too few to hold some out "
            f"(at least {MIN_SAMPLES}); --evaluate DATA measures on other data"
        )
        return HeldOut(samples, samples, note)
    chosen = _every_fourth(samples)
    if len(chosen) > limit:
        chosen = chosen[np.linspace(0, len(chosen) - 1, limit).astype(int)]
    rest = np.setdiff1d(np.arange(len(samples)), chosen)
    return HeldOut(_picked(samples, rest), _picked(samples, np.sort(chosen)))


def _every_fourth(samples: Samples) -> npt.NDArray[np.intp]:
    """Sample numbers, in the order of their labels where there are some."""
    order = np.arange(len(samples))
    if samples.labels is not None:
        order = np.argsort(samples.labels, kind="stable")
        _, kind, counts = np.unique(samples.labels, return_inverse=True, return_counts=True)
        order = order[counts[kind.reshape(-1)][order] > 1]
        if len(order) < SHARE:
            order = np.arange(len(samples))
    chosen: npt.NDArray[np.intp] = order[SHARE // 2 :: SHARE]
    return chosen


def _picked(samples: Samples, chosen: npt.NDArray[np.intp]) -> Samples:
    labels = None if samples.labels is None else samples.labels[chosen]
    inputs, truths, contexts = (
        None if each is None else tuple(each[index] for index in chosen)
        for each in (samples.inputs, samples.truths, samples.contexts)
    )
    names = tuple(samples.names[index] for index in chosen) if samples.names else ()
    return Samples(inputs or (), labels, truths, contexts, names=names)


def evaluation_part(samples: Samples, limit: int = EVALUATED) -> Samples:
    """At most `limit` samples, spread evenly: what is measured on."""
    if len(samples) <= limit:
        return samples
    return _picked(samples, np.linspace(0, len(samples) - 1, limit).astype(int))
