"""Connections to the camera of http_camera.py, each accounted for: a process of its own, so that its memory is its own.

    python network_connections.py 1000

prints one JSON line: what the server sent and what became of it, what was not accounted for, and
[resident bytes, descriptors, threads] after a fifth of the connections and at the end.
"""

from __future__ import annotations

import ctypes
import gc
import json
import logging
import os
import random
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from camera_rig import CameraRig, Outcome
from http_camera import PASSWORD, USER

WHOLE = (
    *(
        "steady",
        "old",
        "bursts",
        "half",
        "overwritten",
        "hole",
        "cut_short",
        "far_length",
        "garbage",
        "sizes",
        "tiny",
        "huge",
        "slow_headers",
        "dribble",
    ),
    *(
        "redirect",
        "basic",
        "digest",
        "chunked",
        "no_type",
        "no_length",
        "bare",
        "wrong_length",
        "dashes",
        "lines",
    ),
    *("other_boundary", "preamble", "inside", "raw", "stall"),
)
"""Sent whole and ended in order: every picture is accounted for."""
CUT = ("cut", "reset")
SNAPSHOTS = ("snapshot", "snapshot_old")
REFUSED = (
    *(
        "redirect_loop",
        "redirect_on",
        "redirect_away",
        "not_found",
        "forbidden",
        "busy",
        "login_page",
        "silence",
    ),
    *("only_headers", "endless_headers", "huge_headers", "empty", "zipped", "playlist", "no_http"),
)
ENDLESS = ("endless",)
"""One picture without an end, which is counted once it is too large, or the connection is given up before."""
BEHAVIOURS = WHOLE + CUT + SNAPSHOTS + REFUSED + ENDLESS
_AT_ONCE = 6


def connect(rig: CameraRig, number: int) -> tuple[str, Outcome]:
    """One connection, whose behaviour and rate follow from its number."""
    behaviour, draw = BEHAVIOURS[number % len(BEHAVIOURS)], random.Random(number)
    options = {"fps": draw.choice([20, 30, 75, 100, 200]), "count": draw.randint(1, 8)}
    login = f"{USER}:{quote(PASSWORD, safe='')}@" if behaviour in ("basic", "digest") else ""
    if behaviour in SNAPSHOTS:
        return behaviour, rig.watch(behaviour, own="timeout_s=5&fps=60", pictures=draw.randint(1, 9))
    own = "timeout_s=0.3" if behaviour in ("stall", *REFUSED, *ENDLESS) else "timeout_s=10"
    return behaviour, rig.watch(behaviour, login=login, own=own, **options)


def is_accounted(behaviour: str, seen: Outcome) -> bool:
    """True when what the server sent is what was delivered and lost, but for what was in flight at a break."""
    if behaviour in WHOLE:
        return seen.accounted == seen.whole and (seen.whole > 0 or behaviour == "stall")
    if behaviour == "cut":
        return seen.whole <= seen.accounted <= seen.begun
    if behaviour == "reset" or behaviour in ENDLESS:  # discards what was not read
        return seen.accounted <= seen.begun
    if behaviour in SNAPSHOTS:
        return 0 <= seen.whole - seen.accounted <= 1
    return seen.accounted == seen.whole == seen.begun == 0 and seen.error.startswith("Source")


def usage() -> tuple[int, int, int]:
    """Resident bytes once the allocator has given back what it need not keep, descriptors, threads."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir("/proc/self/fd")), threading.active_count()


def main() -> int:
    total = int(sys.argv[1])
    logging.getLogger("edgemm").setLevel(logging.CRITICAL)
    sums, wrong, settled = Counter[str](), [], None
    with CameraRig() as camera:
        for begin in range(0, total, 20):
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                numbers = range(begin, min(begin + 20, total))
                for behaviour, seen in pool.map(lambda number: connect(camera, number), numbers):
                    sums.update(connections=1, sent=seen.whole, delivered=seen.delivered)
                    sums.update(seen.lost)
                    if not is_accounted(behaviour, seen):
                        wrong.append(f"{behaviour}: {seen}")
            settled = settled or (usage() if begin >= total // 5 else None)
        report = {"sums": sums, "wrong": wrong, "settled": settled, "end": usage()}
    sys.stdout.write(json.dumps(report) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
