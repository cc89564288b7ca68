"""Time-outs from a name, times of capture that can be true, pictures that stand still."""

from __future__ import annotations

import numpy as np
import pytest

from edgemm.capture.live.freeze import FreezeDetector
from edgemm.capture.live.stamps import Stamps
from edgemm.capture.live.timeouts import Timeouts, timeouts_of
from edgemm.capture.uri import parse_uri, without_secrets
from edgemm.errors import InputError

pytestmark = pytest.mark.device


@pytest.mark.parametrize(
    ("options", "patience"),
    [
        ("", Timeouts()),
        ("timeout_s=2", Timeouts(2, 6)),
        ("reconnect=0&frozen_s=3", Timeouts(attempts=0, frozen_s=3)),
        ("reconnect=1&attempts=7", Timeouts(attempts=7)),
        ("wait=1", Timeouts(wait=True)),
        ("wait=0", Timeouts()),
    ],
)
def test_patience_from_a_name(options: str, patience: Timeouts) -> None:
    assert timeouts_of(parse_uri(f"rtsp://camera/1#{options}")) == patience


@pytest.mark.parametrize("option", ["timeout_s=never", "attempts=0", "frozen_s=0"])
def test_patience_that_makes_no_sense(option: str) -> None:
    with pytest.raises(InputError, match="expected a number"):
        timeouts_of(parse_uri(f"rtsp://camera/1#{option}"))


def test_to_wait_and_not_to_try_again_contradict_each_other() -> None:
    with pytest.raises(InputError, match="wait=1 tries again and again, reconnect=0 never"):
        timeouts_of(parse_uri("rtsp://camera/1#wait=1&reconnect=0"))


@pytest.mark.parametrize(
    ("stamp_ns", "taken"),
    [(150, True), (200, True), (201, False), (100, False), (7, False), (None, False)],
    ids=["between", "now", "the future", "when it was opened", "another clock", "none"],
)
def test_a_stamp_is_taken_where_it_can_be_true(stamp_ns: int | None, taken: bool) -> None:
    assert Stamps("camera", 100).captured_ns(stamp_ns, 200) == (stamp_ns if taken else 200)


def test_a_stamp_that_does_not_move_is_not_taken_twice() -> None:
    stamps = Stamps("camera", 100)
    assert [stamps.captured_ns(150, now_ns) for now_ns in (200, 300)] == [150, 300]


def test_a_picture_that_stands_still() -> None:
    stillness, draw = FreezeDetector(), np.random.default_rng(0)
    first, second = draw.integers(0, 256, (2, 64, 64, 3), np.uint8)
    seen = [(first, 10), (second, 20), (second, 35), (second.copy(), 50), (first, 60)]
    assert [stillness.still_ns(pixels, now_ns) for pixels, now_ns in seen] == [0, 0, 15, 30, 0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rtsp://user:secret@camera:554/1", "rtsp://camera:554/1"),
        ("rtsp://user:p@ss@camera/1", "rtsp://camera/1"),
        ("rtsp://user:pa/ss@camera/1", "rtsp://camera/1"),
        ("http://camera:8080/a@b", "http://***@b"),
        ("http://camera/v.cgi?user=me&pwd=secret&res=hd", "http://camera/v.cgi?user=***&pwd=***&res=hd"),
        (
            "gst:rtspsrc location=rtsp://a:b@c/1 user-pw=secret ! x",
            "gst:rtspsrc location=rtsp://c/1 user-pw=*** ! x",
        ),
    ],
)
def test_secrets_are_left_out(text: str, told: str) -> None:
    assert without_secrets(text) == told
