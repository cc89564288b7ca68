"""Messages to and from the player."""

from __future__ import annotations

import pytest

from edgemm.player.wire import (
    Cancel,
    Cancelled,
    FromChild,
    FromChildUnpacker,
    Play,
    Reopen,
    Started,
    ToChild,
    ToChildUnpacker,
    Turn,
    encode_from_child,
    encode_to_child,
)
from edgemm.recorder.wire import Failed, Listed, Opened

pytestmark = pytest.mark.device

TO_CHILD: list[ToChild] = [Play(bytes(range(256))), Cancel(), Reopen(192_000), Play(b"")]
FROM_CHILD: list[FromChild] = [
    Opened("Lautsprecher, USB", 48000, "another rate"),
    Started(22050, 2),
    Turn(2**40, 320, 2**41, 640, 10**15, 10**8, underflow=True),
    Turn(0, 0, 0, 1, 0, 0, underflow=False),
    Cancelled(10**15),
    Failed("SourceLost", "gone", fatal=True),
    Listed([{"number": 0}]),
]


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_messages_arrive_whole_whatever_the_pieces(piece: int) -> None:
    to_child, from_child = ToChildUnpacker(), FromChildUnpacker()
    there, back = b"".join(map(encode_to_child, TO_CHILD)), b"".join(map(encode_from_child, FROM_CHILD))
    assert [
        message for at in range(0, len(there), piece) for message in to_child.feed(there[at : at + piece])
    ] == TO_CHILD
    assert [
        message for at in range(0, len(back), piece) for message in from_child.feed(back[at : at + piece])
    ] == FROM_CHILD


@pytest.mark.parametrize("junk", [b"ALSA lib pcm.c", b"P\xff\xff\xff\xff"])
def test_what_is_no_message_is_refused(junk: bytes) -> None:
    with pytest.raises(ValueError, match="expected a message of a player's owner"):
        list(ToChildUnpacker().feed(junk))
    with pytest.raises(ValueError, match="expected a message of the player"):
        list(FromChildUnpacker().feed(junk))
