"""ONNX's own node tests through the TFLite converter: whatever is written is right."""

from __future__ import annotations

import pytest

from benchmarks.node_tests import BAD, LIMIT, LIMIT_EXPANDED, REASONS, reason_of, run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("expanded", "limit"), [(False, LIMIT), (True, LIMIT_EXPANDED)])
def test_no_file_is_wrong_or_broken_and_as_many_pass_as_did(expanded: bool, limit: int) -> None:
    counts = run(expanded=expanded)
    assert counts["bad"] == []
    assert [counts[outcome] for outcome in BAD] == [0, 0, 0]
    assert counts["passed"] >= limit
    assert set(counts["refused_for"]) <= set(REASONS)


def test_a_refusal_is_sorted_by_its_reason() -> None:
    assert (
        reason_of("node 'n' (NonZero): how much it finds depends on the data") == "its shape depends on data"
    )
    assert reason_of("something new") == "something new"
