"""Trying a delegate in a child process, since a wrong library can take the whole process down."""

from __future__ import annotations

import json
import signal
import subprocess
from dataclasses import dataclass
from functools import lru_cache

from edgemm.child_process import Leash, cannot_start, command
from edgemm.delegates.delegate import FORMATS
from edgemm.delegates.table import find_delegate
from edgemm.errors import DelegateFailed, MachineShortage
from edgemm.shortage import shortage_in

TIMEOUT_S = 60.0
"""Seconds that a delegate may take to start: a Coral stick first loads its firmware."""


@dataclass(frozen=True, slots=True)
class DelegateStatus:
    """Whether a delegate works on this machine."""

    name: str
    available: bool
    detail: str
    """The runtimes that it works in, or why it does not."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: DelegateStatus
    survived: bool
    """False when the child crashed or hung."""


def probe_delegate(name: str) -> DelegateStatus:
    """Opens a tiny model on the delegate in a child process, and says whether that worked.

    Raises:
        InputError: there is no delegate of this name.
    """
    wanted = find_delegate(name)
    if not any(wanted.serves(format_) for format_ in FORMATS):
        return DelegateStatus(name, False, wanted.advice)
    try:
        return _ask_child(name).status
    except MachineShortage as error:
        return DelegateStatus(name, False, str(error))


def refuse_what_crashes(name: str) -> None:
    """Returns when a child process survives the delegate; asks once per process and delegate.

    Raises:
        DelegateFailed: the child died, or hung.
        MachineShortage: no child could be started; it is asked again the next time.
    """
    answer = _remembered(name)
    if not answer.survived:
        raise DelegateFailed(f"delegate {name}: {answer.status.detail}")


def _ask_child(name: str) -> _Answer:
    """Raises:
    MachineShortage: no process could be started.
    """
    try:
        child = _run_child(name)
    except subprocess.TimeoutExpired:
        return _died(name, f"did not end within {TIMEOUT_S:.0f} s")
    except OSError as error:
        raise MachineShortage(f"delegate {name}: cannot be tried: {cannot_start(error)}") from error
    lacking = shortage_in(child.stderr) if child.returncode else ""
    if lacking:
        raise MachineShortage(f"delegate {name}: cannot be tried: {lacking}")
    if child.returncode < 0:
        killer = signal.Signals(-child.returncode).name
        return _died(name, f"was killed by {killer}: its library does not fit this runtime")
    lines = [line for line in child.stdout.splitlines() if line.startswith("{")]
    if child.returncode or not lines:
        said = (child.stderr.strip().splitlines() or ["no message"])[-1]
        return _died(name, f"ended with {child.returncode}: {said}")
    return _Answer(DelegateStatus(**json.loads(lines[-1])), survived=True)


def _run_child(name: str) -> subprocess.CompletedProcess[str]:
    with Leash() as leash:
        return subprocess.run(
            command("edgemm.backends.delegate_child:main", name, leash=leash),
            pass_fds=leash.passed, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=TIMEOUT_S, check=False,
        )  # fmt: skip


def _died(name: str, how: str) -> _Answer:
    return _Answer(DelegateStatus(name, False, f"the process that tried it {how}"), survived=False)


_remembered = lru_cache(maxsize=32)(_ask_child)
