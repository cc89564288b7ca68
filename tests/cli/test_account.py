"""The summary in a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from edgemm.stream.account import in_words, record_in_words

PLAIN: dict[str, Any] = {
    "captured": 40, "delivered": 38, "dropped": {"stale": 1, "corrupt": 1}, "in_flight": 0, "late": 0, "p50_ms": 0.4,
    "p90_ms": 0.9, "p99_ms": 1.2, "results": 38, "stages_ms": {}, "stages_total_ms": {},
}  # fmt: skip
SAID = "40 captured, 38 delivered, 2 dropped (stale 1, corrupt 1)"
AGE = "age 0.4 ms at the median, 1.2 ms at the 99th percentile"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, f"{SAID}; {AGE}"),
        ({"p50_ms": None, "p99_ms": None, "dropped": {}}, "40 captured, 38 delivered, 0 dropped"),
        ({"in_flight": 1, "late": 3}, f"{SAID}, 1 in progress; 3 late; {AGE}"),
        ({"results": 7}, f"{SAID}; 7 results; {AGE}"),
        ({"faults": {"stalled": 2}}, f"{SAID}; {AGE}; faults: stalled 2"),
        ({"starved_s": 12.5}, f"{SAID}; {AGE}; nothing was delivered for 12.5 s"),
        ({"samples": {"dropped": {"overflow": 160}}}, f"{SAID}; {AGE}; samples: 160 dropped (overflow 160)"),
    ],
)
def test_a_summary_in_words(more: dict[str, Any], said: str) -> None:
    assert in_words(PLAIN | more) == said


def test_a_record_in_words() -> None:
    plain = {"path": "r.jsonl", "written": 3, "not_written": 0, "filtered": 2, "rotated": 0, "removed": 0}
    assert record_in_words(plain) == "3 lines in r.jsonl, 2 left out by its filter"
