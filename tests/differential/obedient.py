"""A worker that does what the family of its point says, for the tests of the pool; a child imports it by name."""

from __future__ import annotations

import os
import sys
import time
from multiprocessing.connection import Connection

from tests.differential.worker import Result


def doing_as_told(pipe: Connection, errors: str) -> None:
    """As `worker.serve`; "aborts" dies, "stalls" does not answer, all else is right."""
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    while True:
        try:
            given = pipe.recv()
        except EOFError:
            return
        if given.graph.family == "aborts":
            print("so this is the end", file=sys.stderr, flush=True)
            os.abort()
        if given.graph.family == "stalls":
            time.sleep(60)
        pipe.send(Result(given, "right"))
