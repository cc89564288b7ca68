"""Times of capture: a driver's where they can be true, and growing."""

from __future__ import annotations

import pytest

from edgemm.capture.live.stamps import Stamps

pytestmark = pytest.mark.device

OPENED_NS = 1000


@pytest.mark.parametrize(
    ("stamps_and_nows", "expected"),
    [
        ([(1010, 1020), (1040, 1050)], [1010, 1040]),
        ([(None, 1020), (None, 1050)], [1020, 1050]),
        ([(500, 1020), (530, 1050)], [1020, 1050]),
        ([(1030, 1020), (1060, 1050)], [1020, 1050]),
        ([(1010, 1020), (1010, 1050)], [1010, 1050]),
        ([(9 * 10**18, 1020), (1040, 1050)], [1020, 1040]),
        ([(1060, 1050), (1040, 1055), (1080, 1090)], [1050, 1051, 1080]),
    ],
    ids=["true", "none", "another clock", "in the future", "a constant", "once wrong", "never back"],
)
def test_a_stamp_is_taken_where_it_can_be_true(
    stamps_and_nows: list[tuple[int | None, int]], expected: list[int]
) -> None:
    stamps = Stamps("camera", OPENED_NS)
    assert [stamps.captured_ns(stamp, now) for stamp, now in stamps_and_nows] == expected
