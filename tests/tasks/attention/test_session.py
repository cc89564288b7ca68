"""Running sound to text: what is written against torch's own loop, when, and what is cancelled, cut or missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import package

package("torch")

from listening import (  # noqa: E402
    BEGIN,
    LANGUAGE,
    RATE,
    RECIPE,
    blocks,
    bundle,
    networks,
    session_of,
    sound,
    spelled,
    written,
)

import edgemm  # noqa: E402
from edgemm.errors import CardError, InputError  # noqa: E402
from edgemm.media import AudioBlock  # noqa: E402
from edgemm.session import NO_CLOCK, Emission, Gap  # noqa: E402
from edgemm.tasks.attention.session import AttentionSession  # noqa: E402
from edgemm.tasks.search import Hypothesis  # noqa: E402
from edgemm.tasks.speech.endpoint import Span  # noqa: E402

TWO = ((0.5, 1.2), (2.6, 3.4))
"""Seconds: where something is spoken."""


def stream(session: AttentionSession, samples: Any, length: int = 1600, begin_ns: int = 0) -> list[Emission]:
    found: list[Emission] = []
    for block in blocks(samples, length, begin_ns):
        found += session.feed(block, NO_CLOCK)
    return found + list(session.finish(NO_CLOCK))


def finals(found: Iterable[Emission]) -> list[Any]:
    return [each.value for each in found if each.final]


def by_torch(samples: Any, begin_s: float, end_s: float, prompt: tuple[int, ...] = (BEGIN, LANGUAGE)) -> str:
    """What torch writes of a stretch of sound."""
    part = samples[round(begin_s * RATE) : round(end_s * RATE)]
    most = min(24 - len(prompt), 6 + int(np.ceil(len(part) / RATE * 10)))
    return spelled(written(*networks(), part, prompt, most))


def test_each_utterance_is_what_torch_writes_of_it(parts: dict[str, Path]) -> None:
    samples = sound(4.5, *TWO)
    with session_of(parts) as session:
        first, second = finals(stream(session, samples))
    assert first.text == by_torch(samples, first.start_s - 0.3, first.end_s + 0.3)
    assert second.text == by_torch(samples, second.start_s - 0.3, second.end_s + 0.3)
    assert first.text != second.text
    for result, (begin_s, end_s) in zip((first, second), TWO, strict=True):
        assert result.start_s == pytest.approx(begin_s, abs=0.03)
        assert result.end_s == pytest.approx(end_s, abs=0.03)
        assert 0 < result.confidence < 1


@pytest.mark.parametrize("length", [160, 1000, 72000])
def test_blocks_of_any_size_say_the_same(parts: dict[str, Path], length: int) -> None:
    samples = sound(4.5, *TWO)
    with session_of(parts) as session:
        expected = [each.to_json() for each in finals(stream(session, samples))]
        session.reset()
        assert [each.to_json() for each in finals(stream(session, samples, length))] == expected


def test_a_result_is_final_after_the_configured_silence(parts: dict[str, Path]) -> None:
    samples = sound(4.5, *TWO)
    with session_of(parts) as session:
        found = [each for each in stream(session, samples, 160, 10**9) if each.final]
    for each, (begin_s, end_s) in zip(found, TWO, strict=True):
        assert (each.newest_ns - 10**9) / 1e9 == pytest.approx(end_s + RECIPE.endpoint_s, abs=0.05)
        assert (each.begin_ns - 10**9) / 1e9 == pytest.approx(begin_s - 0.3, abs=0.03)


def test_what_was_understood_so_far_is_told(parts: dict[str, Path]) -> None:
    samples = sound(3.5, (0.5, 2.2))
    with session_of(parts) as session:
        found = stream(session, samples)
        partial: list[Any] = [each.value for each in found if not each.final]
        session.reset()
        told = [each.final for each in stream(session, samples)]
    assert len(partial) >= 2
    assert partial[0].text == by_torch(samples, 0.2, partial[0].end_s)
    assert told[-1] is True
    with session_of(parts, replace(RECIPE, partial=False)) as session:
        assert [each.value.to_json() for each in stream(session, samples)] == [
            each.to_json() for each in finals(found)
        ]


@pytest.mark.parametrize("silence_s", [0.0, 0.3])
def test_what_is_said_up_to_the_end_is_not_lost(parts: dict[str, Path], silence_s: float) -> None:
    samples = sound(2.0 + silence_s, (1.0, 2.0))
    with session_of(parts) as session:
        (said,) = finals(stream(session, samples))
    assert said.text == by_torch(samples, said.start_s - 0.3, 2.0 + silence_s)


def test_what_is_said_before_a_gap_is_given_and_forgotten(parts: dict[str, Path]) -> None:
    samples = sound(2.0, (1.0, 2.0))
    with session_of(parts) as session:
        for block in blocks(samples):
            list(session.feed(block, NO_CLOCK))
        before = finals(session.gap(Gap(16000), NO_CLOCK))
        after = finals(stream(session, samples))
    assert [each.text for each in before] == [each.text for each in after] != []


def test_times_count_from_where_the_stream_stands(parts: dict[str, Path]) -> None:
    with session_of(parts) as session:
        late = [replace(each, position=each.position + 10 * RATE) for each in blocks(sound(3.0, (1.0, 2.0)))]
        found = [each for block in late for each in session.feed(block, NO_CLOCK) if each.final]
    assert found[0].value.start_s == pytest.approx(11.0, abs=0.03)  # type: ignore[attr-defined]


def test_silence_and_a_click_say_nothing(parts: dict[str, Path]) -> None:
    samples = sound(4.0)
    samples[20000:20400] = 0.5
    with session_of(parts) as session:
        assert stream(session, samples) == []


def test_speech_that_goes_on_is_divided_and_all_of_it_is_heard(parts: dict[str, Path]) -> None:
    samples = sound(7.0, (0.5, 6.5))
    with session_of(parts, replace(RECIPE, partial=False)) as session:
        found = finals(stream(session, samples))
    assert len(found) >= 4
    assert found[0].start_s == pytest.approx(0.5, abs=0.03)
    assert found[-1].end_s == pytest.approx(6.5, abs=0.03)
    for one, other in pairwise(found):
        assert other.start_s - one.end_s <= 0.25  # the dips of the sound


def test_a_word_that_a_division_may_have_cut_is_left_to_the_next_piece(
    parts: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of one piece and the beginning of the next hear the same second."""
    said = iter(["one two thr", "two three four fi", "four five six"])
    with session_of(parts) as session:
        list(session.feed(next(iter(blocks(sound(1.0)))), NO_CLOCK))
        monkeypatch.setattr(session._vocabulary, "text", lambda tokens: next(said))
        cut = Span(0, 8000, 0, 8000, goes_on=True)
        spans = [cut, cut._replace(continues=True), cut._replace(goes_on=False, continues=True)]
        texts = [each.text for span in spans for each in session._finals(span, Hypothesis((1,)))]
    assert texts == ["one two", "three four", "five six"]


def test_a_recording_says_what_its_stream_says(parts: dict[str, Path]) -> None:
    samples = sound(4.5, *TWO)
    with session_of(parts) as session:
        said = finals(stream(session, samples))
        whole = session.whole(AudioBlock(samples, RATE, 0, 0))
        assert session.whole(AudioBlock(sound(2.0), RATE, 0, 0)).text == ""
    assert whole.text == " ".join(each.text for each in said)
    assert (whole.start_s, whole.end_s) == (said[0].start_s, said[-1].end_s)
    assert min(each.confidence for each in said) <= whole.confidence <= max(each.confidence for each in said)


def test_a_beam_is_at_least_as_probable(parts: dict[str, Path]) -> None:
    samples = sound(2.5, (0.5, 1.3))
    block = AudioBlock(samples, RATE, 0, 0)
    with session_of(parts) as one, session_of(parts, replace(RECIPE, search="beam", beam=6)) as several:
        assert several.whole(block).confidence >= one.whole(block).confidence - 1e-6


def test_a_language_takes_the_place_of_the_one_in_the_prompt(parts: dict[str, Path]) -> None:
    samples = sound(2.5, (0.5, 1.3))
    with session_of(parts, replace(RECIPE, language="two")) as session:
        (said,) = finals(stream(session, samples))
    assert said.text == by_torch(samples, said.start_s - 0.3, said.end_s + 0.3, (BEGIN, LANGUAGE + 1))


def test_suppressed_tokens_are_not_written(parts: dict[str, Path]) -> None:
    block = AudioBlock(sound(2.5, (0.5, 1.3)), RATE, 0, 0)
    with session_of(parts) as session:
        first = session.whole(block).text.split()[0]
    from listening import WORDS

    unwanted = WORDS.index(f"▁{first}")
    with session_of(parts, replace(RECIPE, suppressed=(unwanted,))) as session:
        assert first not in session.whole(block).text.split()
    with session_of(parts, replace(RECIPE, suppressed_first=(unwanted,))) as session:
        assert session.whole(block).text.split()[0] != first


def test_a_cancelled_utterance_is_given_up_and_the_next_is_heard(parts: dict[str, Path]) -> None:
    samples = sound(4.5, *TWO)
    with session_of(parts, replace(RECIPE, partial=False)) as session:
        expected = [each.text for each in finals(stream(session, samples))]
        session.reset()
        decoder, steps = session._parts["decoder"], []
        step = decoder.step

        def cancels(feeds: Any, signature: str = "") -> Any:
            steps.append(feeds)
            if len(steps) == 4:
                session.cancel()
            return step(feeds)

        decoder.step = cancels  # type: ignore[method-assign]
        found = finals(stream(session, samples))
        assert [each.text for each in found] == expected[1:]


def test_a_bundle_of_it_streams_and_answers(parts: dict[str, Path], tmp_path: Path) -> None:
    samples = sound(4.5, *TWO)
    with session_of(parts) as session:
        expected = session.whole(AudioBlock(samples, RATE, 0, 0)).to_json()
    path = bundle(parts, tmp_path / "listening.zip")
    with edgemm.load(path) as model:
        assert model(samples, sample_rate=RATE).to_json() == expected
        assert model.card.task == "transcription"
    with pytest.raises(InputError, match="endpoint"), edgemm.load(path, endpoint_s=99):
        pass


@pytest.mark.parametrize("rate", [8000, 48000])
def test_sound_of_another_rate_is_heard_to_its_end(parts: dict[str, Path], rate: int) -> None:
    package("soxr")
    at = np.arange(2 * rate) / rate
    samples = (0.2 * np.sin(2 * np.pi * 440 * at) * (at > 1.0) * (0.6 + 0.4 * np.sin(at * 18))).astype(
        np.float32
    )
    with session_of(parts) as session:
        found: list[Emission] = []
        for block in blocks(samples, 1111, rate=rate):
            found += session.feed(block, NO_CLOCK)
        (said,) = finals([*found, *session.finish(NO_CLOCK)])
    assert said.end_s == pytest.approx(2.0, abs=0.005)
    assert said.start_s == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"prompt": ()}, "prompt: expected at least one token"),
        ({"prompt": (99,)}, "prompt: expected tokens below 30, found 99"),
        ({"end": 30}, "end, timestamps: expected tokens below 30"),
        ({"longest_s": 3.0}, r"longest_s: expected at most 2 s, which the encoder's window has, found 3"),
        ({"language": "three"}, "language: expected one of one, two, found 'three'"),
        ({"encoder_input": "sound"}, "encoder_input: expected one of mel, found 'sound'"),
        ({"audio": None, "encoder_input": "mel"}, r"encoder_input: expected an input of samples \[1, n\]"),
        ({"audio": replace(RECIPE.audio, n_mels=9)}, r"expected \[1, 9, 200\]"),  # type: ignore[type-var]
        ({"audio": replace(RECIPE.audio, frames=202)}, "audio.frames: expected 1 to 201"),  # type: ignore[type-var]
        ({"logits": "scores"}, "logits: expected one of logits"),
        ({"decoder_mask": "mask"}, "decoder_mask: expected one of token, position"),
        ({"memory": {}}, "memory: expected at least one"),
        ({"memory": {"hidden": 3}}, "memory.hidden: expected the name of an input, found 3"),
        ({"memory": {"hidden": "sound"}}, "memory: expected one of token, position"),
        ({"vocabulary": "lengths"}, "tokens: expected"),
        ({"vocabulary": "json"}, "tokens: expected a tokenizer.json"),
    ],
)  # fmt: skip
def test_a_recipe_that_does_not_fit_is_refused(parts: dict[str, Path], changes: Any, said: str) -> None:
    with pytest.raises(CardError, match=said), session_of(parts, replace(RECIPE, **changes)):
        pass


def test_pictures_and_broken_sound_are_refused(parts: dict[str, Path]) -> None:
    with session_of(parts) as session:
        with pytest.raises(InputError, match="takes sound"):
            list(session.feed("sound", NO_CLOCK))  # type: ignore[arg-type]
        with pytest.raises(InputError, match="finite"):
            list(session.feed(AudioBlock(np.full(160, np.nan, np.float32), RATE, 0, 0), NO_CLOCK))
        list(session.feed(AudioBlock(sound(0.1), RATE, 0, 0), NO_CLOCK))
        with pytest.raises(InputError, match="expected 16000 Hz as before, found 8000"):
            list(session.feed(AudioBlock(sound(0.1), 8000, 0, 0), NO_CLOCK))
