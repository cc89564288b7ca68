"""Pieces of work for tests: run in other processes, which find this file on the path of the tests."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgemm.errors import InputError, MachineShortage

ENTRY = "spread_pieces:run"


def run(piece: dict[str, Any]) -> dict[str, Any]:
    """One row: what the piece's `what` says."""
    what, number = str(piece["what"]), int(piece.get("number", 0))
    if "log" in piece:
        note(piece["log"], number)
    if what == "kill" or (what == "kill-once" and first(piece["marker"])):
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "fail" or (what == "fail-once" and first(piece["marker"])):
        raise ZeroDivisionError("by zero")
    if what == "short-once" and first(piece["marker"]):
        raise MachineShortage("no memory is left")
    if what == "refuse":
        raise InputError("a piece: expected another, found this one")
    if what == "no-row":
        return []  # type: ignore[return-value]
    if what == "wait":
        while not Path(piece["marker"]).exists():
            time.sleep(0.01)
    return {"number": number, "third": number / 3, "process": os.getpid(), "nothing": float("nan")}


def note(log: str, number: int) -> None:
    """One line for each time that a piece is begun."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, f"{number} {os.getpid()}\n".encode())
    os.close(handle)


def first(marker: str) -> bool:
    """True for whoever comes first."""
    try:
        os.close(os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def variable(piece: dict[str, Any]) -> dict[str, Any]:
    """One row: a variable of the environment of the process."""
    return {"value": os.environ.get(str(piece["name"]))}


def until(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    """Waits, no longer than a machine that is busy needs."""
    end_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > end_s:
            raise TimeoutError(f"not within {within_s} s")
        time.sleep(0.02)
