"""What repeats is said once a minute, and counted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgemm.log import INTERVAL_S, RateLimitedLog

pytestmark = pytest.mark.device


def test_a_fault_that_repeats_is_said_once_a_minute_with_its_count(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    log = RateLimitedLog(lambda: now[0])
    for _ in range(3600 * 30):  # an hour of 30 a second
        log.warning("corrupt", "a bad picture")
        now[0] += 1 / 30
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0] == "a bad picture"
    assert 58 <= len(messages) <= 60
    assert messages[1] == "a bad picture (and 1800 times since this was said last)"


def test_another_kind_is_said_at_once(caplog: pytest.LogCaptureFixture) -> None:
    log = RateLimitedLog(lambda: INTERVAL_S)
    log.warning("a", "first")
    log.warning("b", "second")
    assert [record.getMessage() for record in caplog.records] == ["first", "second"]


PROGRAM = """
import sys
from edgemm.log import LOG
LOG.warning("%s of %d", "one", 3)
assert "logging" not in sys.modules
import logging
logging.basicConfig(format="%(name)s %(levelname)s %(filename)s %(message)s", level="INFO", stream=sys.stdout)
LOG.warning("rtsp://u:hunter2@h/1 gave %d", 3)
LOG.info("once")
LOG.debug("never")
"""


def test_who_imports_no_logging_hears_nothing_and_waits_for_nothing(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    first, second = done.stdout.splitlines()
    assert first.startswith("edgemm WARNING program.py rtsp://")
    assert first.endswith("gave 3")
    assert "hunter2" not in first
    assert second == "edgemm INFO program.py once"


def test_a_program_that_logs_nowhere_hears_nothing() -> None:
    program = "import logging; from edgemm.log import LOG; LOG.warning('heard')"
    done = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, check=True)
    assert done.stderr == ""
