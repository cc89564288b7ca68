"""The data that a conversion was calibrated and measured on, named."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgemm.converters.pipeline.work import Work
from edgemm.converters.samples import Samples

HELD_OUT = "held out of the calibration data"
NOISE = "seeded noise"


@dataclass(frozen=True, slots=True)
class UsedData:
    """What was seen, and what judged."""

    calibrated_on: str = ""
    """The folder or file, or what kind of object was given; "" where no ranges were measured."""
    calibrated: int = 0
    """Samples."""
    sha256: str = ""
    """Of the tensors that these samples became, as the card has it; "" for none."""
    measured_on: str = ""
    """The folder or file, `HELD_OUT`, or `NOISE`."""
    measured: int = 0
    """Samples."""

    @property
    def noise(self) -> bool:
        """No real input was seen."""
        return self.measured_on == NOISE


def used_data(work: Work) -> UsedData:
    """Of a conversion, as far as it got."""
    options, seen = work.options, work.calibration_data
    told = {} if work.card is None else work.card.quantization
    other = _named(options.evaluate)
    return UsedData(
        "" if seen is None else _named(options.calibrate),
        0 if seen is None else len(seen),
        str(told.get("calibration", {}).get("sha256", "")),
        NOISE if work.noise else other or HELD_OUT,
        work.fidelity.samples,
    )


def _named(data: Any) -> str:
    if data is None:
        return ""
    return str(data) if isinstance(data, str | Path) else f"a {type(data).__name__} of the caller"


def samples_hash(samples: Samples) -> str:
    """SHA-256 of the tensors, hexadecimal: equal for equal data in the same order."""
    found = hashlib.sha256()
    for sample in samples.inputs:
        for name in sorted(sample):
            array = np.ascontiguousarray(sample[name])
            found.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            found.update(array.reshape(-1).view(np.uint8).data)
    return found.hexdigest()
