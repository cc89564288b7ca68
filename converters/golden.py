"""Goldens: a few inputs and what the artifact answered when it was made, for the device to replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.artifact.goldens import Goldens
from edgemm.converters.measure import Measured, run_artifact
from edgemm.converters.samples import Sample, Samples
from edgemm.converters.written import Written

MAX_GOLDENS = 4
MAX_BYTES = 256 * 1024
MIN_BYTES = 8 * 1024
SHARE = 16
"""Goldens take at most this part of the file, but may take MIN_BYTES of a small one."""
STEPS = 4
"""Tolerance on an integer output, in steps of its grid: kernels of other machines round differently."""
FLOAT_TOLERANCE = 1e-3
"""Tolerance on a float output of a float model, of its range."""
DYNAMIC_TOLERANCE = 0.03
"""Of the range, on a float output behind integer arithmetic: a step of each layer before it."""
LEVELS = (0, 64, 16)
"""How coarsely golden inputs are rounded until they fit: 0 not at all."""


def make_goldens(written: Written, samples: Samples, scheme: str) -> Goldens | None:
    """At most four goldens, under 256 KB and a small part of the file; None when not even one coarse input fits.

    None, too, where an output is NaN or infinite: replaying it would prove nothing.
    """
    most = min(max(len(written.payload) // SHARE, MIN_BYTES), MAX_BYTES)
    count = min(MAX_GOLDENS, len(samples))
    chosen = [samples.inputs[i] for i in np.linspace(0, len(samples) - 1, count).astype(int)]
    for levels in LEVELS:
        coarse = [_coarse(sample, levels) for sample in chosen]
        stored = [_stored(written, sample) for sample in coarse]
        for keep in range(count, 0, -1):
            if not _fit(Goldens(tuple(stored[:keep]), ({},) * keep), most):
                continue  # without any answer: they need not be asked for
            goldens = _goldens(written, coarse[:keep], stored[:keep], scheme)
            if goldens is None:
                return None
            if _fit(goldens, most):
                return goldens
    smallest = _coarse(chosen[0], LEVELS[-1])
    goldens = _goldens(written, [smallest], [_stored(written, smallest)], scheme)
    return goldens if goldens is not None and _fit(goldens, MAX_BYTES) else None


def _fit(goldens: Goldens, most: int) -> bool:
    return goldens.few_enough and len(goldens.to_bytes()) < most


def _coarse(sample: Sample, levels: int) -> Sample:
    """The sample on few values, which packs small; integers stay as they are."""
    if levels == 0:
        return sample
    out = {}
    for name, array in sample.items():
        step = float(np.ptp(array)) / levels if array.dtype.kind == "f" else 0.0
        out[name] = array if step == 0.0 else (np.rint(array / step) * step).astype(array.dtype)
    return out


def _stored(written: Written, sample: Sample) -> dict[str, npt.NDArray[Any]]:
    """A sample as the file's input tensors."""
    return dict(zip([port.spec.name for port in written.inputs], written.feed(sample), strict=True))


def _goldens(
    written: Written, inputs: Sequence[Sample], stored: Sequence[Mapping[str, npt.NDArray[Any]]], scheme: str
) -> Goldens | None:
    measured = run_artifact(written, Samples(tuple(inputs)))
    answers = [array for outputs in measured.outputs for array in outputs.values()]
    if not all(np.isfinite(array).all() for array in answers if array.dtype.kind == "f"):
        return None
    stored_out = tuple(
        {port.spec.name: port.store(outputs[port.name]) for port in written.outputs}
        for outputs in measured.outputs
    )
    return Goldens(tuple(stored), stored_out, _tolerances(written, measured, scheme))


def _tolerances(written: Written, measured: Measured, scheme: str) -> dict[str, float]:
    tolerances = {}
    for port in written.outputs:
        if port.spec.quantized:
            tolerances[port.spec.name] = STEPS * port.spec.scale
            continue
        answers = [outputs[port.name].reshape(-1) for outputs in measured.outputs]
        values = np.concatenate(answers).astype(np.float64)  # booleans have no difference
        spread = max(float(np.ptp(values)), float(np.abs(values).max()), 1e-6) if values.size else 1e-6
        share = FLOAT_TOLERANCE if scheme == "float" else DYNAMIC_TOLERANCE
        tolerances[port.spec.name] = share * spread
    return tolerances
