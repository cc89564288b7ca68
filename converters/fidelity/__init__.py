"""Fidelity: the outputs of the written file compared with those of its source, and the gate on that.

    fidelity = compare(expected, found, roles=roles_of(model, task), gate=Gate())
    fidelity.require()

held_out.py     which samples are for calibration, which for evaluation
meaning.py      what is known of a value's axes (axes.py: where an axis goes)
trace.py        the same, followed through the graph
role.py         what an output means: numbers, parts of unlike meaning, classes along an axis
finite.py       NaN and infinity: equal in both, or wrong
agreement.py    the same best class
parts.py        unlike parts of an output, each on its own scale (decibels.py: signal to noise)
gate.py         the limits, and sentences about those that were missed
account.py      the measured figures, for card and report
task_gate.py    by the task: the same detections, areas, points; and its metric where the truth is known
task_judge.py   outputs decoded as a device does it, for that
comparison.py   the comparison that uses all of these
float_check.py  how far a float file may be from its source
"""

from edgemm.converters.fidelity.account import MIN_SNR_DB, Fidelity, OutputFidelity
from edgemm.converters.fidelity.agreement import top1_agreement
from edgemm.converters.fidelity.comparison import compare, stack
from edgemm.converters.fidelity.decibels import snr_db
from edgemm.converters.fidelity.float_check import MAX_FLOAT_ERROR, float_tolerance, worst_error
from edgemm.converters.fidelity.gate import Gate
from edgemm.converters.fidelity.held_out import HeldOut, evaluation_part, held_out
from edgemm.converters.fidelity.parts import PartFidelity
from edgemm.converters.fidelity.role import Role, parts_of, roles_of

__all__ = [
    "MAX_FLOAT_ERROR",
    "MIN_SNR_DB",
    "Fidelity",
    "Gate",
    "HeldOut",
    "OutputFidelity",
    "PartFidelity",
    "Role",
    "compare",
    "evaluation_part",
    "float_tolerance",
    "held_out",
    "parts_of",
    "roles_of",
    "snr_db",
    "stack",
    "top1_agreement",
    "worst_error",
]
