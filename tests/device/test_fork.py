"""After a fork: what was made before refuses to work in the child, and nothing hangs there."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.device

ASSETS = Path(__file__).resolve().parents[1] / "assets"
AT_WORK = """
    import multiprocessing, os, sys, threading, warnings
    warnings.simplefilter("ignore")  # Python warns of a fork beside threads, rightly
    import numpy as np
    import edgemm
    from edgemm.capture.share.shared import SharedSource
    from edgemm.media import Frame
    from edgemm.stream.stream import Stream

    class Ticks:
        uri, modality, live = "ticks", "image", True
        def read(self, timeout_s=None): return Frame(np.zeros((8, 8), np.uint8), 0, 0, "gray")
        def close(self): pass

    card = {{
        "schema": "edgemm.card/1", "name": "quadrant", "task": "classification", "labels": ["a", "b", "c", "d"],
        "inputs": [{{"modality": "image", "image": {{"color": "gray", "resize": "stretch"}}}}],
        "outputs": [{{"decode": "probabilities"}}],
    }}
    model = edgemm.load({path!r}, threads={threads}, card=card)
    session = model.session()
    picture = np.zeros((8, 8), np.uint8)
    frame = Frame(picture, 0, 0, "gray")
    stream, tap = model.stream(Ticks()), SharedSource(Ticks()).tap()
    runner = edgemm.Runner()
    runner.add("a", model, Ticks())
    next(stream), tap.read(1), next(runner)

    def work():
        while True: model(picture); next(stream); next(runner)
    threading.Thread(target=work, daemon=True).start()

    def in_child():
        uses = dict(
            call=lambda: model(picture), run=lambda: model.run({{model.inputs[0].name: None}}),
            session=lambda: model.session(), feed=lambda: session.feed(frame, None), stream=lambda: next(stream),
            tap=lambda: tap.read(1), runner=lambda: next(runner), add=lambda: runner.add("b", model, Ticks()),
        )
        for name, use in uses.items():
            try: use()
            except edgemm.InputError as error: print(name, "forked" in str(error))
        for each in (stream, runner, tap, session, model): each.close()
        fresh = edgemm.load({path!r}, threads={threads}, card=card)
        print("fresh", type(fresh(picture)).__name__)
        fresh.close()
        sys.stdout.flush()
"""
FORK = """
    for _ in range(2):
        child = os.fork()
        if not child:
            in_child()
            sys.exit(0)  # by the interpreter's own end
        assert os.waitpid(child, 0)[1] == 0
    print("parent", type(model(picture)).__name__)
    sys.stdout.flush()
    os._exit(0)
"""
MULTIPROCESSING = """
    child = multiprocessing.get_context("fork").Process(target=in_child)
    child.start()
    child.join()
    print("parent", child.exitcode)
    sys.stdout.flush()
    os._exit(0)
"""
SAID = "".join(
    f"{name} True\n" for name in ("call", "run", "session", "feed", "stream", "tap", "runner", "add")
)


def answers(code: str, file: str, threads: int) -> str:
    pytest.importorskip("onnxruntime")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(AT_WORK).format(path=str(ASSETS / file), threads=threads)
         + textwrap.dedent(code)],
        capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": os.getcwd(), "ORT_DISABLE_TELEMETRY": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("file", "threads"), [("bright.onnx", 4), ("quadrant.tflite", 1)])
def test_a_child_gets_an_error_and_may_load_its_own(file: str, threads: int) -> None:
    said = answers(FORK, file, threads)
    kind = "Classification"
    assert said == (SAID + f"fresh {kind}\n") * 2 + f"parent {kind}\n"


def test_a_child_that_uses_nothing_ends_as_any_other() -> None:
    """ONNX Runtime crashes when a session with threads is freed where these are not."""
    pytest.importorskip("onnxruntime")
    code = """
        import os, sys, edgemm
        model = edgemm.load({path!r}, threads=4)
        child = os.fork()
        if not child:
            sys.exit(3)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code).format(path=str(ASSETS / "bright.onnx"))],
        capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": os.getcwd(), "ORT_DISABLE_TELEMETRY": "1"},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr


def test_multiprocessing_with_fork() -> None:
    assert answers(MULTIPROCESSING, "bright.onnx", 1) == SAID + "fresh Classification\nparent 0\n"
