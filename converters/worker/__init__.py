"""A child process in which native runtimes open files that may crash them: only the child dies then.

with opened(payload, "tflite") as session:
    session.run(arrays) -> arrays          # session.elapsed_ns: of that run, without the way there and back
    session.time(arrays, 10) -> [ns, ...]  # of runs one right after the other

client.py   starts the process, asks it, and starts it again when it has died
child.py    what the process does
wire.py     how arrays go from one to the other
heap.py     what was freed goes back to the system
"""

from edgemm.converters.worker.client import (
    How,
    Parcel,
    RunFailed,
    Session,
    evaluated,
    opened,
    replayed,
    tensors_of,
)
from edgemm.converters.worker.heap import give_back

__all__ = [
    "How",
    "Parcel",
    "RunFailed",
    "Session",
    "evaluated",
    "give_back",
    "opened",
    "replayed",
    "tensors_of",
]
