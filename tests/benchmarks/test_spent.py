"""What a command takes: that of its children too, and its peak at one moment."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest
from needs import enforces_memory_limits

from benchmarks.spent import Spent, spent

MB = 1 << 20
counted = pytest.mark.skipif(not enforces_memory_limits(), reason="memory is not counted here")
HOLD = """
import os, sys, time
def hold(mb, seconds=0.4):
    block = b"x" * (mb << 20)
    time.sleep(seconds)
    return block
"""


def run(code: str, **options: float) -> Spent:
    return spent([sys.executable, "-c", HOLD + dedent(code)], **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def bare_mb() -> float:
    """An interpreter that does nothing."""
    return run("time.sleep(0.3)").peak_mb


@counted
def test_memory_of_children_counts_while_they_live(bare_mb: float) -> None:
    found = run("""
        held = hold(60, 0)
        if not os.fork():
            os._exit(bool(hold(50)) - 1)
        os.wait()
    """)
    assert 105 < found.peak_mb - bare_mb < 125


@counted
def test_what_is_not_held_at_one_moment_is_not_added_up(bare_mb: float) -> None:
    found = run("""
        held = hold(80)
        del held
        if not os.fork():
            os._exit(bool(hold(80)) - 1)
        os.wait()
    """)
    assert 75 < found.peak_mb - bare_mb < 110


@counted
def test_what_processes_share_counts_once(bare_mb: float) -> None:
    found = run("""
        held = hold(80, 0)
        if not os.fork():
            time.sleep(0.4)
            os._exit(0)
        os.wait()
    """)
    assert 75 < found.peak_mb - bare_mb < 100


def test_processor_time_is_that_of_children_too_and_not_of_waiting() -> None:
    idle = run("time.sleep(0.3)").cpu_s
    busy = run("""
        def work():
            while time.process_time() < 0.3: pass
        if not os.fork():
            work()
            os._exit(0)
        os.wait()
        work()
    """).cpu_s
    assert idle < 0.25
    assert 0.5 < busy < 0.9


def test_what_it_says_is_kept() -> None:
    assert run("print('a'); print('b')").said == "a\nb\n"


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(subprocess.CalledProcessError) as raised:
        run("print('before'); sys.exit('the reason')")
    assert (raised.value.returncode, raised.value.output) == (1, "before\n")
    assert raised.value.stderr == "the reason\n"


def test_a_command_that_hangs_is_ended() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run("time.sleep(60)", timeout_s=0.2)


def test_where_nobody_watches_no_memory_is_told() -> None:
    assert run("pass", watched=False).peak_mb == 0
