"""Signals: noted by a handler that never raises, and looked at by the command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from needs import needs

from edgemm.opencv import opencv

pytestmark = pytest.mark.device

ASSETS = Path(__file__).resolve().parents[1] / "assets"
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
CARD = {
    "schema": "edgemm.card/1", "name": "quadrant", "task": "classification", "labels": ["a", "b", "c", "d"],
    "inputs": [{"modality": "image", "image": {"color": "gray", "resize": "stretch"}}],
    "outputs": [{"decode": "probabilities"}],
}  # fmt: skip
WHILE_IMPORTING = """
    import importlib.abc, os, signal, sys
    class Sender(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name == {module!r}:
                sys.meta_path.remove(self)
                signal.raise_signal({number})
    sys.meta_path.insert(0, Sender())
    sys.argv = ["edgemm", *{arguments!r}]
    from edgemm.__main__ import main
    sys.exit(main())
"""


def as_from_a_shell() -> None:
    """In the child: what nohup, or a shell's background, ignores is not ignored."""
    for number in CODES:
        signal.signal(number, signal.SIG_DFL)


def python(code: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code).format(**options)],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "PYTHONPATH": os.getcwd()},
        preexec_fn=as_from_a_shell,
    )  # fmt: skip


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("module", ["argparse", "edgemm.cli.inspect", "numpy", "edgemm.artifact"])
def test_a_signal_while_something_is_imported_ends_the_command_with_its_code(
    module: str, number: int
) -> None:
    done = python(
        WHILE_IMPORTING, module=module, number=int(number), arguments=["inspect", str(ASSETS / "add.onnx")]
    )
    assert (done.returncode, done.stderr) == (CODES[signal.Signals(number)], "")


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("module", ["argparse", "edgemm.cli.run", "numpy"])
def test_a_run_that_has_not_begun_ends_with_0(module: str, number: int) -> None:
    arguments = ["run", str(ASSETS / "bright.onnx"), "--source", "camera:9"]
    done = python(WHILE_IMPORTING, module=module, number=int(number), arguments=arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_error_that_the_signal_caused_is_not_told() -> None:
    """Ctrl-C reaches the processes that a command has started, too."""
    done = python(
        """
        import signal, sys
        from edgemm import signals
        from edgemm.cli import COMMANDS, inspect, main
        from edgemm.errors import DamagedArtifact
        def add_arguments(parser): parser.set_defaults(run=run)
        def run(options):
            signal.raise_signal(signal.SIGINT)
            raise DamagedArtifact("the probe was killed")
        inspect.add_arguments = add_arguments
        signals.listen()
        sys.exit(main(["inspect", "--json"]))
        """
    )
    assert (done.returncode, done.stderr) == (130, "")
    assert json.loads(done.stdout) == {
        "schema": "edgemm.error/1", "error": "Stopped", "message": "ended by SIGINT", "exit_code": 130,
    }  # fmt: skip


WAITS = """
    import signal, sys, threading, time
    from edgemm import signals
    signals.FORCED_S, signals.AGAIN_S = {forced_s}, 0.05
    signals.listen()
    {drains}
    def send():
        for _ in range({times}):
            time.sleep(0.2)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)
    threading.Thread(target=send, daemon=True).start()
    threading.Event().wait(30)
    print("waited in vain")
"""


def test_a_command_that_does_not_look_is_ended() -> None:
    done = python(WAITS, forced_s=0.1, times=1, drains="")
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "")


def test_a_run_that_has_not_begun_and_does_not_look_is_ended_with_0() -> None:
    done = python(WAITS, forced_s=0.1, times=1, drains="signals.end_early_with(0)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_second_signal_ends_what_drains_for_too_long() -> None:
    done = python(
        WAITS, forced_s=0.1, times=2, drains="signals.drain_by([lambda: print('stop', flush=True)])"
    )
    assert (done.returncode, done.stdout, done.stderr) == (143, "stop\n", "")


def test_a_signal_on_the_way_out_hurries_it_and_changes_no_code() -> None:
    done = python(
        """
        import atexit, signal, sys
        from edgemm import signals
        signals.listen()
        atexit.register(lambda: print("still on its way"))
        atexit.register(lambda: signal.raise_signal(signal.SIGTERM))
        print("done")
        sys.exit(signals.decide(4))
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (4, "done\n", "")


def test_hangup_that_is_ignored_stays_ignored() -> None:
    done = python(
        """
        import signal
        from edgemm import signals
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signals.listen()
        signal.raise_signal(signal.SIGHUP)
        signals.check()
        print("goes on")
        """
    )
    assert (done.returncode, done.stdout) == (0, "goes on\n")


def test_long_work_ends_at_its_next_step() -> None:
    done = python(
        """
        import signal
        from edgemm import signals
        from edgemm.cli.progress import ProgressBar
        signals.listen()
        progress = ProgressBar(quiet=True)
        progress("layers", 1, 9)
        signal.raise_signal(signal.SIGINT)
        try: progress("layers", 2, 9)
        except signals.Stopped as stopped: print(stopped.exit_code)
        """
    )
    assert done.stdout == "130\n"


def test_a_library_that_is_imported_changes_no_handler() -> None:
    done = python(
        """
        import signal
        before = [signal.getsignal(n) for n in (2, 15, 1)]
        import edgemm, edgemm.cli, edgemm.signals, edgemm.stream.runner
        edgemm.Runner().close()
        assert [signal.getsignal(n) for n in (2, 15, 1)] == before
        """
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("as_app", [False, True])
def test_hangup_opens_the_record_again_and_the_run_goes_on(tmp_path: Path, as_app: bool) -> None:
    """What logrotate does: the file gets another name, then SIGHUP is sent."""
    pytest.importorskip("onnxruntime")
    needs(opencv).imwrite(str(tmp_path / "grey.png"), np.zeros((2, 2), np.uint8))
    (tmp_path / "card.json").write_text(json.dumps(CARD))
    stream = {"model": str(ASSETS / "bright.onnx"), "source": "grey.png?loop=1&fps=50", "card": "card.json"}
    app = {"schema": "edgemm.app/1", "streams": {"a": {**stream, "live": True}}, "record": "r.jsonl"}
    (tmp_path / "app.json").write_text(json.dumps(app))
    options = (
        ["app.json"]
        if as_app
        else [
            stream["model"],
            "--source",
            stream["source"],
            "--card",
            "card.json",
            "--live",
            "--record",
            "r.jsonl",
        ]
    )
    record, old = tmp_path / "r.jsonl", tmp_path / "r.jsonl.1"
    with subprocess.Popen(
        [sys.executable, "-m", "edgemm", "run", *options, "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ASSETS.parents[1])}, preexec_fn=as_from_a_shell,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        for _ in range(3):
            assert child.stdout.readline()
        record.rename(old)
        child.send_signal(signal.SIGHUP)
        for _ in range(500):  # ten seconds of pictures
            if record.exists() and record.read_text().count("\n") >= 3:
                break
            assert child.stdout.readline()
        child.send_signal(signal.SIGTERM)
        out, said = child.communicate(timeout=60)
    assert (child.returncode, said) == (0, "")
    assert record.exists()
    lines = [json.loads(line) for part in (old, record) for line in part.read_text().splitlines()]
    assert [line["sequence"] for line in lines] == list(range(len(lines)))
    assert json.loads(out.splitlines()[-1])["summary"]["record"]["written"] == len(lines)


@pytest.mark.parametrize("number", CODES)
def test_a_run_without_a_record_drains_whatever_signal_ends_it(tmp_path: Path, number: int) -> None:
    pytest.importorskip("onnxruntime")
    needs(opencv).imwrite(str(tmp_path / "grey.png"), np.zeros((2, 2), np.uint8))
    (tmp_path / "card.json").write_text(json.dumps(CARD))
    command = [
        sys.executable,
        "-m",
        "edgemm",
        "run",
        str(ASSETS / "bright.onnx"),
        "--card",
        "card.json",
        "--json",
    ]
    with subprocess.Popen(
        [*command, "--source", "grey.png?loop=1&fps=50", "--live"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ASSETS.parents[1])}, preexec_fn=as_from_a_shell,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        assert child.stdout.readline()
        child.send_signal(number)
        out, said = child.communicate(timeout=60)
    summary = json.loads(out.splitlines()[-1])["summary"]
    assert (child.returncode, said, summary["in_flight"]) == (0, "", 0)
    assert summary["captured"] == summary["delivered"] + sum(summary["dropped"].values())
