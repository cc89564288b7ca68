"""Runs all steps in order, and returns the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edgemm.card import ModelCard
from edgemm.converters.candidate import Candidate
from edgemm.converters.diagnose import Diagnosis
from edgemm.converters.examples import NO_EXAMPLES, Examples
from edgemm.converters.fidelity import Fidelity, Gate
from edgemm.converters.latency import Latency
from edgemm.converters.options import Options
from edgemm.converters.pipeline.choose import choose
from edgemm.converters.pipeline.describe import describe
from edgemm.converters.pipeline.measure import measure
from edgemm.converters.pipeline.plan import plan
from edgemm.converters.pipeline.prepare import prepare
from edgemm.converters.pipeline.read import read
from edgemm.converters.pipeline.reload import reload
from edgemm.converters.pipeline.repair import repair
from edgemm.converters.pipeline.used_data import UsedData, used_data
from edgemm.converters.pipeline.work import Work
from edgemm.converters.pipeline.write import write
from edgemm.converters.source_refused import telling_damage
from edgemm.converters.worker import give_back
from edgemm.errors import FidelityMissed
from edgemm.quantize.plan import Plan

STEPS: tuple[Callable[[Work], None], ...] = (
    read, prepare, plan, write, measure, choose, repair, describe, reload,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Conversion:
    """The result of a conversion: the file and its measured fidelity."""

    output: Path
    scheme: str
    """"float", "static", "dynamic" or "mixed": what was done, where "auto" was asked for."""
    target: str
    size_bytes: int
    source_size_bytes: int
    fidelity: Fidelity
    """Of the whole file, a final softmax included."""
    float_latency: Latency
    """One inference of the float model in the same format, one thread, on this machine, after warm-up."""
    int8_latency: Latency
    """The same, of what was written, whatever its scheme: `latency` is the name for it."""
    card: ModelCard
    plan: Plan
    notes: tuple[str, ...] = ()
    """What is not known, what was decided automatically, what looks doubtful in the data."""
    repaired_layers: tuple[str, ...] = field(default=())
    """Layers that compute in float again, to hold the gate."""
    explanation: str = ""
    """What was decided for each operator, as a table for people."""
    diagnosis: Diagnosis | None = None
    """Which layer loses how much, where it was asked for."""
    examples: Examples = NO_EXAMPLES
    """Samples that the file answers otherwise than the source, where it was asked to explain."""
    used: UsedData = field(default_factory=UsedData)
    """What it was calibrated and measured on."""
    limits: Gate = field(default_factory=Gate)
    """The gate."""
    candidates: tuple[Candidate, ...] = ()
    """The forms that were weighed, in the order in which they were wanted."""
    node_us: Mapping[str, float] = field(default_factory=dict)
    """Node -> predicted microseconds of the file as it is, where it was asked to explain; empty for accelerators, whose
    costs are not known."""
    written: bool = True
    """False where it missed the gate, and was not kept."""

    @property
    def latency(self) -> Latency:
        """One inference of what was written."""
        return self.int8_latency

    @property
    def float_latency_ms(self) -> float:
        """The median."""
        return self.float_latency.median_ms

    @property
    def int8_latency_ms(self) -> float:
        """The median."""
        return self.int8_latency.median_ms

    def to_json(self) -> dict[str, Any]:
        """The keys that scripts rely on."""
        return {
            "schema": "edgemm.convert/1",
            "output": str(self.output),
            "written": self.written,
            "scheme": self.scheme,
            "target": self.target,
            "size_bytes": self.size_bytes,
            "source_size_bytes": self.source_size_bytes,
            **self.fidelity.to_json(),
            "gate_missed": list(self.fidelity.missed),
            "float_latency_ms": round(self.float_latency_ms, 4),
            "latency_ms": round(self.latency.median_ms, 4),
            "float_latency": self.float_latency.to_json(),
            "latency": self.latency.to_json(),
            **self._int8_latency(),
            "repaired_layers": list(self.repaired_layers),
            "candidates": [each.to_json() for each in self.candidates],
            **(self.diagnosis.to_json() if self.diagnosis is not None else {}),
            "notes": list(self.notes),
        }

    def _int8_latency(self) -> dict[str, Any]:
        """The older keys, of files with integers."""
        if self.scheme == "float":
            return {}
        return {"int8_latency_ms": round(self.latency.median_ms, 4), "int8_latency": self.latency.to_json()}


def run(options: Options) -> Conversion:
    """Runs every step.

    Raises:
        FidelityMissed: the gate did not hold; nothing was written. Its `conversion` says what was measured.
        EdgemmError: as `edgemm.converters.convert` says.
    """
    work = Work(options)
    with telling_damage(options.source):
        for step in STEPS:
            try:
                step(work)
            except FidelityMissed as error:
                error.conversion = _conversion(work)
                raise
            give_back()
    return _conversion(work)


def _conversion(work: Work) -> Conversion:
    prepared, artifact = work.prepared, work.artifact
    return Conversion(
        work.options.output,
        work.plan.scheme,
        work.plan.target.name,
        len(work.written.payload) if artifact is None else artifact.size_bytes,
        prepared.size_bytes,
        work.fidelity,
        work.float_latency,
        work.latency,
        prepared.card if work.card is None else work.card,
        work.plan,
        tuple(dict.fromkeys(work.notes)),
        work.repaired.layers if work.repaired is not None else (),
        work.explanation,
        work.diagnosis,
        work.examples,
        used_data(work),
        work.options.limits,
        _with_cards(work),
        work.node_us,
        artifact is not None,
    )


def _with_cards(work: Work) -> tuple[Candidate, ...]:
    """The candidates, as large as their files would be with the card and goldens of the one that was written."""
    if work.artifact is None:
        return work.candidates
    described = work.artifact.size_bytes - len(work.written.payload)
    return tuple(replace(each, size_bytes=each.size_bytes + described) for each in work.candidates)
