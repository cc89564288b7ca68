"""A process that may have no further descriptor, or no further memory: sentences, never a traceback of Python's."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.device

LIMITED = """
    import resource, sys
    import numpy as np
    import edgemm
    from edgemm.media import Frame
    from edgemm.recorder.options import RecorderOptions
    from edgemm.recorder.process import Recorder
    from edgemm.stream.budget import Budget
    from edgemm.stream.runner import Runner
    from edgemm.stream.stream import Stream

    class Ticks:
        uri, modality, live = "ticks", "image", True
        def read(self, timeout_s=None): return Frame(np.zeros((1, 1), np.uint8), 0, 0, "gray")
        def close(self): pass
    class Session:
        def feed(self, captured, clock): return ()
        def gap(self, gap, clock): return ()
        def finish(self, clock): return ()
        def cancel(self): pass
        def reset(self): pass
        def close(self): pass
    class Model:
        def session(self): return Session()

    def no_memory():
        pages = int(open("/proc/self/statm").read().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (1 << 20),) * 2)
    def no_descriptor():
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
    def stream(): next(Stream(Session(), Ticks(), Budget(policy="newest")))
    def runner():
        with Runner() as runner:
            runner.add("a", Model(), Ticks())
            next(runner)
    def microphone(): Recorder(RecorderOptions())

    {limit}()
    try: {use}()
    except edgemm.EdgemmError as error: print(f"{{type(error).__name__}}: {{error}}")
"""


@pytest.mark.skipif(
    not os.path.exists("/proc/self/statm"), reason="needs /proc, to know how much memory is in use"
)
@pytest.mark.parametrize(
    ("limit", "use", "said"),
    [
        ("no_memory", "stream", "EdgemmError: thread 'edgemm ticks' cannot be started: "),
        ("no_memory", "runner", "EdgemmError: stream 'a': thread 'edgemm a' cannot be started: "),
        ("no_descriptor", "microphone", "SourceLost: a microphone is recorded by a process of its own, which cannot "
         "be started: [Errno 24] Too many open files"),
    ],
)  # fmt: skip
def test_what_the_system_refuses_is_a_sentence(limit: str, use: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LIMITED).format(limit=limit, use=use)],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    assert done.stdout.startswith(said), done.stdout + done.stderr
