"""Where utterances begin, end and are divided, piece by piece of 10 ms at 1,000 samples a second."""

from __future__ import annotations

import numpy as np
import pytest

from edgemm.tasks.speech.endpoint import Endpoint, EndpointTimes, Span

pytestmark = pytest.mark.device

RATE, PIECE = 1000, 10
TIMES = EndpointTimes(silence_s=0.5, longest_s=4.0, attack_s=0.08, before_s=0.3, after_s=0.3, overlap_s=1.0)


def run(voiced: str, times: EndpointTimes = TIMES, loud: dict[int, float] | None = None) -> list[Span]:
    """A letter for 100 ms: "." silence, "-" voice, and "," a click of 20 ms in silence."""
    endpoint, found, at = Endpoint(times, RATE), [], 0
    for place, letter in enumerate(voiced):
        for part in range(10):
            voice = letter == "-" or (letter == "," and part < 2)
            level = (loud or {}).get(place, -20.0 if voice else -60.0)
            span = endpoint.push(at, at + PIECE, voice, level)
            at += PIECE
            if span is not None:
                found.append((span, at))
    ended = endpoint.finish()
    spans = [span for span, _ in found] + ([ended] if ended else [])
    for span, told in found:
        assert span.begin <= span.voice_begin < span.voice_end <= span.end <= told
    return spans


def test_an_utterance_is_its_voice_with_some_sound_around_it() -> None:
    (found,) = run(".....----.......")
    assert found == Span(200, 1200, 500, 900)


def test_it_ends_with_the_configured_silence_and_not_before() -> None:
    assert len(run("--....--......")) == 1
    assert len(run("--.....--......")) == 2
    endpoint = Endpoint(TIMES, RATE)
    ended = [at for at in range(0, 1000, PIECE) if endpoint.push(at, at + PIECE, at < 300, -20.0)]
    assert ended == [300 + 500 - PIECE]


def test_sound_belongs_to_one_utterance_alone() -> None:
    one, other = run("....---.....---......")
    assert (one.end, other.begin) == (1000, 1000)
    assert one.voice_end + 300 == one.end


def test_a_click_begins_nothing_and_does_not_put_the_end_off() -> None:
    assert run("..,..,..") == []
    with_clicks = run("---.,.,..")
    assert with_clicks[0][:4] == run("---.......")[0][:4]


def test_voice_that_flickers_is_voice() -> None:
    endpoint = Endpoint(TIMES, RATE)
    for at in range(0, 400, PIECE):
        endpoint.push(at, at + PIECE, at % 30 < 20, -20.0)
    assert endpoint.speaks


def test_what_is_under_way_at_the_end_is_given_with_all_that_was_heard() -> None:
    assert run("....---..") == [Span(100, 900, 400, 700)]
    assert run("....---") == [Span(100, 700, 400, 700)]


def test_voice_that_only_just_began_at_the_end_is_given() -> None:
    endpoint = Endpoint(TIMES, RATE)
    for at in range(0, 540, PIECE):
        endpoint.push(at, at + PIECE, at >= 500, -20.0)
    assert endpoint.finish() == Span(200, 540, 500, 540)


def test_without_a_silence_only_the_end_ends_it() -> None:
    times = EndpointTimes(silence_s=0.0, longest_s=60.0)
    assert run("---..........---..........", times) == [Span(0, 2600, 0, 1600)]


def test_a_long_utterance_is_divided_in_a_pause_and_no_sound_is_heard_twice() -> None:
    one, other = run("-" * 25 + ".." + "-" * 20 + "......")
    assert 2500 < one.end < 2700
    assert one.end == other.begin
    assert (one.voice_end, other.voice_begin) == (2500, 2700)
    assert not one.goes_on
    assert not other.continues


def test_without_a_pause_both_parts_have_the_quietest_place() -> None:
    one, other = run("-" * 60 + "......", loud={27: -30.0})
    assert one.goes_on
    assert other.continues
    middle = (one.end + other.begin) / 2
    assert 2700 <= middle <= 2800
    assert one.end - other.begin == 1000


@pytest.mark.parametrize("place", [27, 38])
def test_a_gap_between_words_is_as_good_as_a_pause(place: int) -> None:
    one, other = run("-" * 60 + "......", loud={place: -35.0})
    assert one.end == other.begin
    assert place * 100 <= one.end <= place * 100 + 100
    assert not one.goes_on
    assert not other.continues


def test_all_voice_is_in_some_part() -> None:
    rng = np.random.default_rng(3)
    for _ in range(30):
        voiced = "".join(rng.choice(list("---.,"), 200))
        spans = run(voiced)
        covered = np.zeros(len(voiced) * 100, bool)
        for span in spans:
            assert span.end - span.begin <= 4000 + 300
            covered[span.begin : span.end] = True
        for place in range(200):
            if voiced[place : place + 1] == "-":
                assert covered[place * 100 : place * 100 + 100].all()


def test_what_lies_before_is_not_needed() -> None:
    endpoint, least = Endpoint(TIMES, RATE), 0
    for at in range(0, 60_000, PIECE):
        endpoint.push(at, at + PIECE, at % 7000 < 3000, -20.0)
        assert endpoint.begin >= least
        assert at + PIECE - endpoint.begin <= 4000
        least = endpoint.begin
