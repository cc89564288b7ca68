"""From a float graph and real data to a plan: which operators are integer, and with which scales.

Read in the order the data flows: `lint` checks the data, `calibration` runs it and keeps every value's
extremes, `legality` says what int8 forms operators have, `planner` decides, `check` holds a plan to the
rules, `explain` shows it. `reference` runs a float graph as it stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgemm.lazy_names import lazy_names
from edgemm.quantize.lint import lint  # here and not lazy: a name of a module of the package

if TYPE_CHECKING:
    from edgemm.quantize.calibration import Calibration, calibrate
    from edgemm.quantize.explain import explain_plan
    from edgemm.quantize.grid import Grid, Range
    from edgemm.quantize.plan import Plan, Precision
    from edgemm.quantize.plan_check import check_plan
    from edgemm.quantize.planner import make_plan
    from edgemm.quantize.reference import Reference
    from edgemm.quantize.target import Target

_WHERE = {
    "Calibration": "calibration",
    "Grid": "grid",
    "Plan": "plan",
    "Precision": "plan",
    "Range": "grid",
    "Reference": "reference",
    "Target": "target",
    "calibrate": "calibration",
    "check_plan": "plan_check",
    "explain_plan": "explain",
    "make_plan": "planner",
}
"""Public name -> module that it lives in; loaded when first asked for."""

__all__ = [
    "Calibration", "Grid", "Plan", "Precision", "Range", "Reference", "Target",
    "calibrate", "check_plan", "explain_plan", "lint", "make_plan",
]  # fmt: skip

__getattr__, __dir__ = lazy_names(__name__, _WHERE)
