"""The bundled recogniser of digit strings: a stream says what the whole says, loses nothing, and is done in time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs

import edgemm
from edgemm import data
from edgemm.artifact import read_artifact
from edgemm.litert_runtime import find_litert
from edgemm.media import AudioBlock
from edgemm.results import Transcript
from edgemm.session import NO_CLOCK, Emission, Gap
from edgemm.tasks.transcription import TranscriptionRecipe

RATE = 8000
ORDER = (3, 1, 4, 1, 5, 9, 2, 6)
FILES = ("digits_ctc.int8.tflite", "digits_ctc.int8.onnx")
Floats = npt.NDArray[np.float32]


@pytest.fixture(scope="module", params=FILES)
def model(request: pytest.FixtureRequest) -> Iterator[edgemm.Model]:
    needs(find_litert)
    pytest.importorskip("onnxruntime")
    with edgemm.load(data.path(f"models/{request.param}")) as loaded:
        yield loaded


def string(pause_s: float = 0.3, end_s: float = 0.0) -> Floats:
    """Eight digits of the bundled recordings, 1.2 s of silence after the fourth."""
    words, parts = data.spoken_digits(), []
    for at, digit in enumerate(ORDER):
        parts += [words[digit][1], np.zeros(round((1.2 if at == 3 else pause_s) * RATE), np.float32)]
    parts[-1] = np.zeros(round(end_s * RATE), np.float32)
    joined = np.concatenate(parts)
    return np.asarray(joined + np.random.default_rng(0).normal(0, 1e-4, len(joined)), np.float32)


def blocks(samples: Floats, size: int, first: int = 0) -> Iterator[AudioBlock]:
    for at in range(0, len(samples), size):
        yield AudioBlock(samples[at : at + size], RATE, round((first + at) * 1e9 / RATE), first + at)


def feed(session: Any, samples: Floats, size: int = 400) -> list[Emission]:
    return [each for block in blocks(samples, size) for each in session.feed(block, NO_CLOCK)]


def finals(found: list[Emission]) -> list[Transcript]:
    values = [each.value for each in found if each.final]
    assert all(isinstance(each, Transcript) and each.final for each in values)
    return [each for each in values if isinstance(each, Transcript)]


@pytest.mark.parametrize("size", [37, 400, 1 << 20])
@pytest.mark.parametrize("search", ["beam", "greedy"])
def test_a_stream_says_what_the_whole_says(model: edgemm.Model, size: int, search: str) -> None:
    samples = string()
    with edgemm.load(model.artifact.path, search=search) as one:
        whole = one(samples, sample_rate=RATE)
        session = one.session()
        found = feed(session, samples, size) + list(session.finish(NO_CLOCK))
        session.close()
    assert isinstance(whole, Transcript)
    assert len(whole.words) >= 6
    assert [word for each in finals(found) for word in each.words] == list(whole.words)
    assert len(finals(found)) == 2


def test_partial_results_come_before_the_final_one(model: edgemm.Model) -> None:
    session = model.session()
    found = feed(session, string())
    kinds = [each.final for each in found]
    assert kinds.index(False) < kinds.index(True)
    before = [each.value for each in found[: kinds.index(True)]]
    assert len({each.text for each in before if isinstance(each, Transcript)}) == len(before) >= 3
    session.close()


def test_the_last_word_is_not_lost_where_the_sound_ends_with_it(model: edgemm.Model) -> None:
    word = data.spoken_digits()[7][1]
    loud = np.flatnonzero(np.abs(word) > 0.02)
    session = model.session()
    feed(session, word[: int(loud[-1])])
    last = list(session.finish(NO_CLOCK))
    assert [each.value.text for each in last if each.final and isinstance(each.value, Transcript)] == [
        "seven"
    ]
    assert list(session.finish(NO_CLOCK)) == []
    session.close()


def test_what_was_said_before_a_gap_is_told_and_then_forgotten(model: edgemm.Model) -> None:
    word, session = data.spoken_digits()[7][1], model.session()
    feed(session, word)
    gap = list(session.gap(Gap(800), NO_CLOCK))
    after = feed(session, np.zeros(2 * RATE, np.float32)) + list(session.finish(NO_CLOCK))
    assert [each.text for each in finals(gap)] == ["seven"]
    assert after == []
    session.close()


def test_results_are_as_old_as_the_newest_sound(model: edgemm.Model) -> None:
    word = data.spoken_digits()[7][1]
    session = model.session()
    feed(session, word)
    (last,) = [each for each in session.finish(NO_CLOCK) if each.final]
    assert last.newest_ns == pytest.approx(len(word) * 1e9 / RATE, abs=1)
    session.close()


def test_a_result_is_final_soon_after_the_silence_that_is_asked_for(model: edgemm.Model) -> None:
    word = data.spoken_digits()[7][1]
    end_s = (np.flatnonzero(np.abs(word) > 0.02)[-1] + 1) / RATE
    with edgemm.load(model.artifact.path, endpoint_s=0.6) as one:
        session = one.session()
        found = feed(session, np.concatenate([word, np.zeros(2 * RATE, np.float32)]), 80)
        session.close()
    at_s = next(each.newest_ns for each in found if each.final) / 1e9
    assert 0.5 <= at_s - end_s <= 0.7


def test_how_loud_it_was_is_forgotten_with_the_rest(model: edgemm.Model) -> None:
    session: Any = model.session()
    samples = np.full(RATE, 1e-4, np.float32)
    samples[2000:6000] = 0.1
    list(session.feed(AudioBlock(samples, RATE, 0, 0), NO_CLOCK))
    assert session._levels.word_end(0.25, 0.5, 1.0) == pytest.approx(0.74, abs=0.021)
    session.reset()
    list(session.feed(AudioBlock(samples * 0, RATE, 0, 0), NO_CLOCK))
    assert session._levels.word_end(0.25, 0.5, 1.0) == 0.5
    session.close()


def test_samples_of_16_bits_are_heard_as_others_are(model: edgemm.Model) -> None:
    said = []
    whole: Any = np.round(string() * 32768).astype(np.int16)
    for each in (whole.astype(np.float32) / np.float32(32768), whole):
        session = model.session()
        found = feed(session, each) + list(session.finish(NO_CLOCK))
        said.append([word for result in finals(found) for word in result.words])
        session.close()
    assert said[0] == said[1]
    assert len(said[0]) >= 6


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.zeros((8, 2), np.float32), r"one channel, float32\[n\].* found float32\[8, 2\]"),
        (np.zeros(8, np.int32), "found int32"),
        (np.full(8, np.nan, np.float32), "finite numbers"),
    ],
)
def test_what_is_no_sound_is_refused(model: edgemm.Model, samples: Any, said: str) -> None:
    session = model.session()
    with pytest.raises(edgemm.InputError, match=said):
        list(session.feed(AudioBlock(samples, RATE, 0, 0), NO_CLOCK))
    session.close()


def test_sound_that_is_far_too_loud_is_no_error(model: edgemm.Model) -> None:
    loud = np.full(RATE, 3e30, np.float32)
    assert isinstance(model(loud, sample_rate=RATE), Transcript)


def test_silence_and_noise_say_nothing(model: edgemm.Model) -> None:
    for level in (0.0, 1e-3, 1e-2):
        noise = np.random.default_rng(1).normal(0, level, 5 * RATE).astype(np.float32)
        found = model(noise, sample_rate=RATE)
        assert isinstance(found, Transcript)
        assert found.text == ""


def test_a_session_keeps_no_more_of_an_hour_than_of_a_minute(model: edgemm.Model) -> None:
    session: Any = model.session()
    kept = []
    for _ in range(6):
        feed(session, string(end_s=1.0), 1 << 20)
        feed(session, np.zeros(5 * RATE, np.float32), 1 << 20)
        kept.append(len(session._state.utterance._rows))
    assert max(kept) <= 60
    session.close()


def test_an_unknown_hot_word_is_refused(model: edgemm.Model) -> None:
    with pytest.raises(edgemm.InputError, match="hot_words: 'eleven' cannot be written"):
        edgemm.load(model.artifact.path, hot_words=("eleven",))


@pytest.mark.parametrize("name", ["digits_ctc.onnx", *FILES])
def test_it_is_small_and_says_what_it_was_trained_on(name: str) -> None:
    artifact = read_artifact(data.path(f"models/{name}"))
    assert data.path(f"models/{name}").stat().st_size <= 150_000
    card = artifact.card
    assert card is not None
    assert isinstance(card.recipe, TranscriptionRecipe)
    assert card.licence == "CC-BY-SA-4.0"
    assert {"data", "split", "seed", "word_error"} <= set(card.extra["x-training"])
