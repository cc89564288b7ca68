"""The options of the conversion of a bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgemm import atomic
from edgemm.artifact.bundle import require_zip
from edgemm.choices import choice
from edgemm.converters.bundles.buckets import Bucket, find_buckets
from edgemm.converters.fidelity import MIN_SNR_DB, Gate
from edgemm.converters.options import (
    MAX_SAMPLES,
    NO_RANGES,
    REPAIR_SECONDS,
    SCHEMES,
    GateMode,
    Progress,
    RepairMode,
    Scheme,
    check_costs,
    silent,
)
from edgemm.converters.written import Format, Settings
from edgemm.errors import InputError
from edgemm.quantize.choice import PREFER, Prefer

KEEP = "keep"
"""A word for a part that stays as it is."""
PART_WORDS = (*SCHEMES, KEEP)


@dataclass(frozen=True, slots=True, eq=False)
class BundleOptions:
    """The arguments of `edgemm.converters.convert_bundle`, which explains them; nothing is read or written yet.

    Raises:
        InputError: a word is unknown, a number out of range, the output is no .zip.
    """

    source: Path
    output: Path
    format: Format = "tflite"
    calibrate: str | Path | Sequence[Any] | None = None
    evaluate: str | Path | Sequence[Any] | None = None
    scheme: Scheme = "auto"
    parts: Mapping[str, str] = field(default_factory=dict)
    lengths: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    target: str = "cpu"
    gate: GateMode = "fail"
    min_db: float = MIN_SNR_DB
    limit: int = 256
    repair: RepairMode = "auto"
    repair_seconds: float = REPAIR_SECONDS
    settings: Settings = field(default_factory=Settings)
    progress: Progress = silent
    explain: bool = False
    prefer: Prefer = "speed"
    costs: str | Path | None = None

    def __post_init__(self) -> None:
        require_zip(self.output)
        choice("format", self.format, ("tflite", "onnx"))
        choice("scheme", self.scheme, SCHEMES)
        choice("gate", self.gate, ("fail", "warn", "off"))
        choice("repair", self.repair, ("auto", "off"))
        choice("prefer", self.prefer, PREFER)
        check_costs(self.costs, self.format)
        if not isinstance(self.parts, Mapping) or not isinstance(self.lengths, Mapping):
            raise InputError("parts (--part), lengths (--length): expected dictionaries by role")
        for role, word in self.parts.items():
            choice(f"part (--part {role})", word, PART_WORDS)
        if (
            isinstance(self.limit, bool)
            or not isinstance(self.limit, int)
            or not 1 <= self.limit <= MAX_SAMPLES
        ):
            raise InputError(
                f"limit (--samples): expected a whole number from 1 to {MAX_SAMPLES}, found {self.limit!r}"
            )
        for scheme in ("static", "mixed"):
            if self.calibrate is None and scheme in (self.scheme, *self.parts.values()):
                raise InputError(NO_RANGES.format(scheme))
        _ = self.limits
        if len(self.buckets) > 1 and self.format != "tflite":
            raise InputError(
                f"--length: expected one shape of each input, since .{self.format} files have no signatures; found "
                "several. Give one, convert to .tflite, or leave the part open with --part ROLE=keep"
            )
        _check_output(self.source, self.output)

    @property
    def limits(self) -> Gate:
        """What must be kept."""
        return Gate(min_snr_db=self.min_db)

    @property
    def buckets(self) -> tuple[Bucket, ...]:
        """The lengths that were asked for, the shortest first."""
        return find_buckets(self.lengths)

    def scheme_of(self, role: str) -> str:
        """What was asked for of a part: a scheme, or "keep"."""
        return self.parts.get(role, self.scheme)

    def tell(self, stage: str, done: int = 0, total: int = 1) -> None:
        """Reports progress."""
        self.progress(stage, done, total)

    def tick(self, stage: str) -> Callable[[int, int], None]:
        """What reports the progress of a stage: called with (done, total)."""
        return lambda done, total: self.tell(stage, done, total)


def _check_output(source: Path, output: Path) -> None:
    """Raises:
    InputError: nothing can be written there, or it is the source itself.
    """
    try:
        if not output.parent.is_dir():
            raise InputError(f"{output}: the folder {output.parent} does not exist")
        atomic.refuse_source(source, output, "the output")
        atomic.check(output)
    except OSError as error:  # a name too long, a folder closed to us
        raise InputError(f"{error.strerror}: {str(error.filename)[:200]}. Choose another name") from error
