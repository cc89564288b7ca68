"""Messages through a pipe."""

from __future__ import annotations

import os

import pytest

from edgemm.recorder.wire import Decoder, Failed, Listed, Message, Opened, Sound, encode, send

pytestmark = pytest.mark.device

MESSAGES: list[Message] = [
    Opened("Kamera, USB", 48000, "another rate"),
    Sound(2**40, 10**15, 7, "missing", bytes(range(256))),
    Sound(0, 0, 0, "gap", b""),
    Failed("SourceLost", "gone", fatal=True),
    Listed([{"number": 0}]),
]


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_messages_arrive_whole_whatever_the_pieces(piece: int) -> None:
    stream, decoder = b"".join(map(encode, MESSAGES)), Decoder()
    pieces = (stream[at : at + piece] for at in range(0, len(stream), piece))
    assert [message for each in pieces for message in decoder.feed(each)] == MESSAGES


@pytest.mark.parametrize("junk", [b"ALSA lib pcm.c", b"S\xff\xff\xff\xff"])
def test_what_is_no_message_is_refused(junk: bytes) -> None:
    with pytest.raises(ValueError, match="expected a message of the recorder"):
        list(Decoder().feed(junk))


def test_sending_writes_one_message() -> None:
    reading, writing = os.pipe()
    send(writing, MESSAGES[1])
    assert os.read(reading, 4096) == encode(MESSAGES[1])
    os.close(reading)
    os.close(writing)
