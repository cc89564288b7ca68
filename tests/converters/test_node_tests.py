"""ONNX's own node tests through the TFLite converter: whatever is written is right."""

from __future__ import annotations

import pytest

from benchmarks.node_tests import BAD, LIMIT, run

pytestmark = pytest.mark.slow


def test_no_file_is_wrong_or_broken_and_as_many_pass_as_did() -> None:
    counts = run()
    assert counts["bad"] == []
    assert [counts[outcome] for outcome in BAD] == [0, 0, 0]
    assert counts["passed"] >= LIMIT
