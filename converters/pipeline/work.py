"""The state that the steps of one conversion share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from edgemm.artifact import Artifact
from edgemm.artifact.goldens import Goldens
from edgemm.card import ModelCard
from edgemm.converters.candidate import Candidate
from edgemm.converters.diagnose import Diagnosis
from edgemm.converters.examples import NO_EXAMPLES, Examples
from edgemm.converters.fidelity import Fidelity, evaluation_part
from edgemm.converters.latency import NOT_MEASURED, Latency
from edgemm.converters.measure import Judge
from edgemm.converters.options import Options
from edgemm.converters.own_ranges import OwnRanges
from edgemm.converters.pipeline.forms import Form, Tried
from edgemm.converters.prepare import Prepared
from edgemm.converters.reference import Outputs, Truth
from edgemm.converters.repair import Repaired
from edgemm.converters.samples import Samples
from edgemm.converters.written import Written
from edgemm.errors import ConversionError
from edgemm.quantize import Calibration
from edgemm.quantize.plan import Plan
from edgemm.quantize.prices import Prices

Made = TypeVar("Made")

CHECKED = 16
"""Samples that the float file is held against the source on."""


@dataclass(slots=True)
class Work:
    """One conversion in progress. A step that reads what no earlier step has made is a bug in the pipeline."""

    options: Options
    notes: list[str] = field(default_factory=list)
    _prepared: Prepared | None = None
    calibration_data: Samples | None = None
    """None where none were given."""
    _judged_on: Samples | None = None
    expected: tuple[Outputs, ...] = ()
    """Outputs of the source on the evaluation samples."""
    truth: Truth | None = None
    """The graph as it was read, with its answers on the samples that the float file is held against it on."""
    noise: bool = False
    """There are no data: seeded noise is measured on."""
    own_ranges: OwnRanges | None = None
    """Of a quantized source without calibration data."""
    ranges: Calibration | None = None
    """What is known of the activations of the graph of integer forms."""
    calibration: Calibration | None = None
    """Of the form under way."""
    _plan: Plan | None = None
    _prices: Prices | None = None
    forms: tuple[Form, ...] = ()
    """What the network may become, in the order in which it is tried."""
    form: Form | None = None
    """The one under way."""
    tried: dict[str, Tried] = field(default_factory=dict)
    """Form -> what was measured of it."""
    candidates: tuple[Candidate, ...] = ()
    """The forms, for whoever asks what was weighed."""
    float_latency: Latency = NOT_MEASURED
    _written: Written | None = None
    _judge: Judge | None = None
    _fidelity: Fidelity | None = None
    latency: Latency = NOT_MEASURED
    measured_s: float = 0.0
    """Seconds that the file took to be measured on all samples."""
    repaired: Repaired | None = None
    diagnosis: Diagnosis | None = None
    node_us: Mapping[str, float] = field(default_factory=dict)
    """Node -> predicted microseconds, where it was asked to explain."""
    examples: Examples = NO_EXAMPLES
    explanation: str = ""
    card: ModelCard | None = None
    goldens: Goldens | None = None
    associated: Mapping[str, bytes] = field(default_factory=dict)
    """Files of other tools in the archive behind a .tflite source, by name."""
    artifact: Artifact | None = None

    @property
    def prepared(self) -> Prepared:
        """The canonical graph and its card."""
        return _made(self._prepared, "read")

    @prepared.setter
    def prepared(self, value: Prepared) -> None:
        self._prepared = value

    @property
    def judged_on(self) -> Samples:
        """The samples that the file is compared with the source on."""
        return _made(self._judged_on, "prepare")

    @judged_on.setter
    def judged_on(self, value: Samples) -> None:
        self._judged_on = value

    @property
    def plan(self) -> Plan:
        """What is integer."""
        return _made(self._plan, "plan")

    @plan.setter
    def plan(self, value: Plan) -> None:
        self._plan = value

    @property
    def under_way(self) -> Form:
        """The form that the file has, or is to have."""
        return _made(self.form, "plan")

    @property
    def prices(self) -> Prices:
        """Predicted times on the machine that the file is for."""
        return _made(self._prices, "plan")

    @prices.setter
    def prices(self, value: Prices) -> None:
        self._prices = value

    @property
    def written(self) -> Written:
        """The payload."""
        return _made(self._written, "write")

    @written.setter
    def written(self, value: Written) -> None:
        self._written = value

    @property
    def judge(self) -> Judge:
        """What compares files with the source."""
        return _made(self._judge, "measure")

    @judge.setter
    def judge(self, value: Judge) -> None:
        self._judge = value

    @property
    def fidelity(self) -> Fidelity:
        """What was kept."""
        return _made(self._fidelity, "measure")

    @fidelity.setter
    def fidelity(self, value: Fidelity) -> None:
        self._fidelity = value

    def tell(self, stage: str, done: int = 0, total: int = 1) -> None:
        """Reports progress."""
        self.options.progress(stage, done, total)


def compared_on(samples: Samples) -> Samples:
    """Those of the evaluation samples that the float file is held against the source on."""
    return evaluation_part(samples, CHECKED)


def _made(value: Made | None, step: str) -> Made:
    if value is None:
        raise ConversionError(f"the step {step!r} did not run yet")
    return value
