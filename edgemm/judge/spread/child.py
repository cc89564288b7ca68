"""A process that does one piece after the other, as its parent sends them."""

from __future__ import annotations

import json
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection

from edgemm.judge.spread.piece import do


def main() -> int:
    """Serves the pipe that is named on the command line, until it is closed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the parent's: it lets go of the leash
        signal.signal(number, signal.SIG_IGN)
    pipe = Connection(int(sys.argv[1]))
    with suppress(EOFError, OSError):
        while True:
            asked = json.loads(pipe.recv_bytes())
            pipe.send_bytes(do(asked["entry"], asked["piece"]).encoded().encode())
    return 0
