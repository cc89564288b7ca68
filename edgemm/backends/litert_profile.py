"""LiteRT's own profiler: the time of each kernel, those inside XNNPACK too.

The interpreter in Python has no profiler; the library beside it has one, behind the C API of compiled models. It is
called in a child process (`edgemm.backends.litert_profile_child`), since a later version may have another API.
"""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

from edgemm.backends.operator_time import ROUNDS, OperatorTime, OperatorTimes, over_rounds
from edgemm.child_process import start_piped
from edgemm.delegates.delegate import Delegate
from edgemm.litert_runtime import find_litert

if TYPE_CHECKING:
    from edgemm.artifact import Artifact

_ROUNDS = 15
"""The model is compiled anew for each, which takes time."""
_LIMIT_S = 300.0
"""For the child to answer."""
_INSIDE = "Delegate/"
"""How the name of a kernel of a delegate begins; on the CPU the only delegate is XNNPACK."""
_KIND = re.compile(r"^ *(\S.*?) +(\d+) +([\d.]+) +[\d.]+% +[\d.]+% +-?[\d.]+ +(\d+) *$")
"""A line of "Summary by node type": the kind, nodes, milliseconds of one call, shares, memory, calls."""
_TOTAL = re.compile(r"^(\S.*?) +(\d+) +[\d.]+ +\d+ +\d+ +(\d+) *$")
"""A line of "Delegate Statistics": the kind, calls, microseconds of a call on average, at least, at most, of all."""


def litert_times(artifact: Artifact, wanted: Delegate, threads: int, runs: int) -> OperatorTimes:
    """See `operator_times`; `runs` are of each round."""
    runtime = find_litert()
    if wanted.libraries:
        return OperatorTimes(
            untold=f"{runtime} does not tell what the delegate {wanted.name} spends its time on"
        )
    runs = max(1, ROUNDS * runs // _ROUNDS)
    answer = asked(artifact.payload, threads, runs)
    if "untold" in answer:
        return OperatorTimes(
            untold=f"{runtime} does not tell the time of single operators ({answer['untold']})"
        )
    found = over_rounds([read_summary(each, runs) for each in answer["summaries"]])
    if not found:
        return OperatorTimes(
            untold=f"{runtime} tells the time of single operators in a form that is not known"
        )
    return OperatorTimes(found, _ROUNDS * runs, f"{runtime}, its profiler")


def asked(payload: bytes, threads: int, runs: int) -> dict[str, Any]:
    """ "summaries", the text of each round; or "untold", why there are none."""
    child = start_piped(
        "edgemm.backends.litert_profile_child:main", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        child.pipe.send_bytes(json.dumps({"threads": threads, "rounds": _ROUNDS, "runs": runs}).encode())
        child.pipe.send_bytes(payload)
        if not child.pipe.poll(_LIMIT_S):
            return {"untold": f"its profiler did not answer within {_LIMIT_S:g} s"}
        answer: dict[str, Any] = json.loads(child.pipe.recv_bytes())
        return answer
    except (EOFError, OSError):
        return {"untold": f"its profiler ended with exit status {child.process.wait()}"}
    finally:
        child.close()


def read_summary(text: str, runs: int) -> list[OperatorTime]:
    """Of the profiler's summary of `runs` inferences."""
    section = ""
    found: dict[str, OperatorTime] = {}
    for line in text.splitlines():
        if line.startswith("="):
            section = line.strip("= ")
        elif section == "Summary by node type" and (kind := _KIND.match(line)):
            us = float(kind[3]) * 1000 * int(kind[4]) / runs
            found[kind[1]] = OperatorTime(_plain(kind[1]), int(kind[2]), us, _place(kind[1]))
        elif section == "Delegate Statistics" and (total := _TOTAL.match(line)) and total[1] in found:
            one = found[total[1]]  # whole microseconds of all runs: the line above has them rounded for each
            found[total[1]] = OperatorTime(one.name, one.count, int(total[3]) / runs, one.runs_on)
    return list(found.values())


def _plain(kind: str) -> str:
    return kind.removeprefix(_INSIDE)


def _place(kind: str) -> str:
    return "xnnpack" if kind.startswith(_INSIDE) else "cpu"
