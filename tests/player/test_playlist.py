"""Sounds that wait, play and were played: each sample in one account, at every moment."""

from __future__ import annotations

import numpy as np
import pytest

from edgemm.player.options import AHEAD_S
from edgemm.player.playlist import Playlist, Samples, Sound, Sounded
from edgemm.player.wire import Cancelled, Turn
from edgemm.preprocess.resample import resample

pytestmark = pytest.mark.device

RATE = 1000
"""Frames a second, so that one is a millisecond."""
MS = 1_000_000


class Device:
    """A stream as a player tells of it: blocks of 20 frames, each at the converter 100 ms after it was asked for."""

    def __init__(self, playlist: Playlist, rate: int = RATE) -> None:
        self.playlist, self.rate = playlist, rate
        self.heard: list[float] = []
        self._given: list[float] = []
        self._taken = self._blocks = 0
        self.now_ns = 0
        playlist.started(rate)

    def run(self, blocks: int, *, frozen: bool = False) -> None:
        """Gives it what it shall have, and tells of blocks; `frozen`: it is given nothing meanwhile."""
        for _ in range(blocks):
            while not frozen and (chunk := self.playlist.next_chunk()) is not None:
                self._given += chunk.tolist()
            frames = self.rate // 50
            count = min(frames, len(self._given) - self._taken)
            self.heard += self._given[self._taken : self._taken + count]
            self.playlist.turn(
                Turn(
                    self._taken, count, self._blocks * frames, frames, self.now_ns, 100 * MS, underflow=False
                )
            )
            self._taken += count
            self._blocks += 1
            self.now_ns += 20 * MS
            check(self.playlist)


def check(playlist: Playlist) -> None:
    assert playlist.accepted == playlist.played + sum(playlist.dropped.values()) + playlist.queued


def ramp(count: int, begin: int = 0) -> Samples:
    return (np.arange(begin, begin + count) / 2**20).astype(np.float32)


@pytest.fixture
def told() -> list[Sounded]:
    return []


@pytest.fixture
def playlist(told: list[Sounded]) -> Playlist:
    return Playlist(resample, told.append)


def test_sounds_are_played_in_order_once_and_whole(playlist: Playlist, told: list[Sounded]) -> None:
    for number, count in enumerate((70, 1, 500)):
        playlist.add(Sound(ramp(count, 1000 * number), RATE, "s", number))
    device = Device(playlist)
    device.run(50)
    assert device.heard == [*ramp(70), *ramp(1, 1000), *ramp(500, 2000)]
    assert (playlist.played, playlist.queued, playlist.finished, playlist.underruns) == (571, 0, 3, 0)
    assert [each.sequence for each in told] == [0, 1, 2]


def test_the_first_sample_has_the_time_when_it_is_at_the_converter(
    playlist: Playlist, told: list[Sounded]
) -> None:
    playlist.add(Sound(ramp(70), RATE))
    playlist.add(Sound(ramp(30), RATE, captured_ns=50 * MS))
    Device(playlist).run(20)
    assert [each.first_ns for each in told] == [100 * MS, 170 * MS]
    assert told[1].age_ms == 120


def test_a_sample_is_played_when_it_sounds_and_not_when_it_is_handed_over(playlist: Playlist) -> None:
    playlist.add(Sound(ramp(200), RATE))
    device = Device(playlist)
    device.run(6)
    assert playlist.played == 0
    device.run(1)
    assert playlist.played == 20


def test_the_player_is_given_half_a_second_and_no_more(playlist: Playlist) -> None:
    playlist.add(Sound(ramp(5000), RATE))
    playlist.started(RATE)
    given = 0
    while (chunk := playlist.next_chunk()) is not None:
        given += len(chunk)
    assert given == AHEAD_S * RATE


def test_nothing_is_given_before_there_is_a_stream(playlist: Playlist) -> None:
    playlist.add(Sound(ramp(50), RATE))
    assert playlist.next_chunk() is None


def test_cancelled_sound_was_played_up_to_the_moment_and_the_rest_is_dropped(
    playlist: Playlist, told: list[Sounded]
) -> None:
    for number in range(3):
        playlist.add(Sound(ramp(400), RATE, sequence=number))
    device = Device(playlist)
    device.run(11)  # the last block was asked for at 200 ms: what sounds then stands at 100
    assert playlist.cancel()
    assert playlist.next_chunk() is None
    check(playlist)
    playlist.cancelled(Cancelled(device.now_ns - 20 * MS + 7 * MS))
    assert playlist.played == 107
    assert playlist.dropped == {"cancelled": 3 * 400 - 107}
    assert [(each.played, each.dropped) for each in told] == [
        (107, {"cancelled": 293}), (0, {"cancelled": 400}), (0, {"cancelled": 400}),
    ]  # fmt: skip
    assert not len(playlist)


def test_what_is_added_after_a_cancel_is_played(playlist: Playlist) -> None:
    playlist.add(Sound(ramp(400), RATE))
    device = Device(playlist)
    device.run(5)
    playlist.cancel()
    playlist.add(Sound(ramp(60, 5000), RATE))
    assert playlist.next_chunk() is None
    playlist.cancelled(Cancelled(device.now_ns))
    again = Device(playlist)
    again.run(15)
    assert again.heard == ramp(60, 5000).tolist()
    assert playlist.finished == 1


def test_a_cancel_of_what_was_not_given_needs_no_player(playlist: Playlist) -> None:
    playlist.add(Sound(ramp(40), RATE))
    assert not playlist.cancel()
    assert playlist.dropped == {"cancelled": 40}


def test_what_a_lost_device_held_is_lost_and_the_rest_is_played_on_the_next(
    playlist: Playlist, told: list[Sounded]
) -> None:
    playlist.add(Sound(ramp(900), RATE))
    device = Device(playlist)
    device.run(11)
    assert len(device.heard) == 220
    playlist.lost()
    check(playlist)
    assert (playlist.played, playlist.dropped) == (100, {"lost": 120})
    again = Device(playlist)
    again.run(50)
    assert again.heard == ramp(900)[220:].tolist()
    assert [(each.played, each.dropped) for each in told] == [(780, {"lost": 120})]


def test_a_device_that_comes_back_at_another_rate_gets_the_rest_at_it(playlist: Playlist) -> None:
    playlist.add(Sound(ramp(900), RATE))
    device = Device(playlist)
    device.run(11)
    playlist.lost()
    again = Device(playlist, 2000)
    again.run(100)
    assert len(again.heard) == 2 * (900 - 220)
    assert (playlist.played, playlist.queued) == (780, 0)


def test_a_device_that_is_lost_while_it_stops_leaves_nothing_behind(playlist: Playlist) -> None:
    playlist.add(Sound(ramp(900), RATE))
    Device(playlist).run(11)
    playlist.cancel()
    playlist.lost()
    check(playlist)
    assert playlist.dropped == {"cancelled": 800}
    assert not playlist.cancelling


@pytest.mark.parametrize(("rate", "count"), [(8000, 801), (44100, 4411), (22050, 1)])
def test_converted_sound_is_counted_in_its_own_samples(
    playlist: Playlist, told: list[Sounded], rate: int, count: int
) -> None:
    playlist.add(Sound(np.full(count, 0.5, np.float32), rate))
    device = Device(playlist, 16000)
    device.run(30)
    assert len(device.heard) == max(1, round(count * 16000 / rate))
    assert told[0].played == playlist.played == count


def test_a_player_that_is_given_nothing_in_the_middle_of_a_sound_is_an_underrun(playlist: Playlist) -> None:
    playlist.add(Sound(ramp(2000), RATE))
    device = Device(playlist)
    device.run(1)
    device.run(40, frozen=True)
    assert playlist.underruns == 1
    device.run(100)
    assert (playlist.underruns, playlist.finished) == (1, 1)


@pytest.mark.parametrize(("sounding", "underruns"), [(True, 1), (False, 0)])
def test_a_device_that_had_nothing_to_play_counts_only_while_there_is_sound(
    playlist: Playlist, sounding: bool, underruns: int
) -> None:
    playlist.add(Sound(ramp(2000), RATE))
    device = Device(playlist)
    device.run(4 if sounding else 120)
    at = device.now_ns // (20 * MS)
    given = 20 if sounding else 0
    playlist.turn(Turn(80, given, 20 * at, 20, device.now_ns, 100 * MS, underflow=True))
    assert playlist.underruns == underruns


@pytest.mark.parametrize(("final", "pauses"), [(True, 0), (False, 1)])
def test_a_sentence_that_comes_too_late_is_a_pause_and_the_end_is_none(
    playlist: Playlist, final: bool, pauses: int
) -> None:
    playlist.add(Sound(ramp(100), RATE, final=final))
    device = Device(playlist)
    device.run(20)
    playlist.add(Sound(ramp(100), RATE))
    device.run(20)
    assert (playlist.underruns, playlist.pauses) == (0, pauses)


def test_sound_of_no_length_is_played(playlist: Playlist, told: list[Sounded]) -> None:
    playlist.add(Sound(ramp(0), RATE))
    assert (told[0].samples, told[0].age_ms, playlist.finished) == (0, None, 1)


def test_times_of_sound_end_with_the_last_sample_or_with_the_cancel(playlist: Playlist) -> None:
    playlist.add(Sound(ramp(400), RATE))
    device = Device(playlist)
    device.run(6)
    spoken = playlist.spoken
    assert spoken.overlap(0, 1, 0)  # from the moment when the device was given it
    assert not spoken.overlap(-5, 0, 0)
    assert spoken.overlap(219 * MS, 500 * MS, 0)
    assert not spoken.overlap(220 * MS, 500 * MS, 0)
    assert spoken.overlap(220 * MS, 500 * MS, 30 * MS)
    playlist.cancel()
    playlist.cancelled(Cancelled(150 * MS))
    assert not spoken.overlap(150 * MS, 500 * MS, 0)
