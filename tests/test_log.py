"""What repeats is said once a minute, and counted."""

from __future__ import annotations

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
