"""Bundles that speak: sound sentence by sentence, of networks that can be followed by hand."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs
from small_voices import (
    RATE,
    SYMBOLS,
    harmonics_network,
    letters_network,
    mel_network,
    piper_network,
    vocoder_network,
    write_voice,
)

import edgemm
from edgemm.errors import ArtifactError, CardError, InputError
from edgemm.media import Frame, Text
from edgemm.onnx_runtime import onnx_runtime
from edgemm.results import Audio
from edgemm.session import NO_CLOCK
from edgemm.tasks.voice import acoustic as acoustic_module

PIPER = {
    "phonemes": "characters", "begin": [40, 0], "behind_each": [0], "end": [41], "ids_input": "input",
    "lengths_input": "input_lengths", "scales_input": "scales", "speaker_input": "sid",
}  # fmt: skip
MEL = {"phonemes": "characters", "waveform": "vocoder"}


def load(folder: Path) -> Any:
    """A bundle, of which mypy need not know that it answers with sound."""
    return edgemm.load(folder)


@pytest.fixture(autouse=True)
def _runtime() -> None:
    needs(onnx_runtime)


@pytest.fixture
def piper(tmp_path: Path) -> Iterator[Any]:
    folder = write_voice(tmp_path / "piper", PIPER, {"acoustic": piper_network()})
    with load(folder) as voice:
        yield voice


@pytest.fixture
def mel(tmp_path: Path) -> Iterator[Any]:
    folder = write_voice(tmp_path / "mel", MEL, {"acoustic": mel_network(), "vocoder": vocoder_network()})
    with load(folder) as voice:
        yield voice


def piper_sound(text: str, many: int = 10, speaker: int = 0) -> npt.NDArray[Any]:
    """By hand: the ids of one sentence, each `many` times."""
    padded = [each for symbol in text for each in (SYMBOLS[symbol], 0)]
    return np.repeat(np.array([40, 0, *padded, 41], np.float32) / 100 * (1 + speaker), many)


def mel_sound(text: str) -> npt.NDArray[Any]:
    return np.array([sign * SYMBOLS[each] / 100 for each in text for sign in (1, -1)], np.float32)


def feed(session: Any, text: str) -> list[Any]:
    return list(session.feed(Text(text, 5, 0), NO_CLOCK))


def test_one_network_gives_the_samples(piper: Any) -> None:
    sound = piper("hello.")
    assert isinstance(sound, Audio)
    assert (sound.sample_rate, sound.final) == (RATE, True)
    np.testing.assert_allclose(sound.samples, piper_sound("hello."), atol=1e-6)


def test_speed_and_speaker_are_options(piper: Any) -> None:
    with closing(piper.session(speed=2.0, speaker=1)) as session:
        sound = session.whole(Text("hi", 0, 0))
    np.testing.assert_allclose(sound.samples, piper_sound("hi", 5, 1), atol=1e-6)


def test_a_vocoder_gives_the_samples(mel: Any) -> None:
    np.testing.assert_allclose(mel("abc.").samples, mel_sound("abc."), atol=1e-6)


def test_each_sentence_is_a_result_and_the_last_is_final(mel: Any) -> None:
    with closing(mel.session()) as session:
        given = feed(session, "one. two! three?\nfour")
    assert (
        [each.value.final for each in given] == [each.final for each in given] == [False, False, False, True]
    )
    assert {(each.begin_ns, each.newest_ns) for each in given} == {(5, 5)}
    for each, text in zip(given, ("one.", "two!", "three?", "four"), strict=True):
        np.testing.assert_allclose(each.value.samples, mel_sound(text), atol=1e-6)


def test_the_first_sentence_is_there_before_the_others_are_made(mel: Any) -> None:
    with closing(mel.session()) as session:
        made: list[int] = []
        acoustic = session._acoustic

        def noting(ids: list[int], random: Any) -> Any:
            made.append(len(ids))
            return acoustic(ids, random)

        session._acoustic = noting
        sounds = session.feed(Text("a. bb. ccc.", 0, 0), NO_CLOCK)
        next(sounds)
        assert made == [2]
        assert len(list(sounds)) == 2
        assert made == [2, 3, 4]


def test_all_sentences_together_with_pauses_between(mel: Any) -> None:
    with closing(mel.session(pause_s=0.25)) as session:
        sound = session.whole(Text("one. two.", 0, 0))
    wanted = np.concatenate((mel_sound("one."), np.zeros(RATE // 4, np.float32), mel_sound("two.")))
    np.testing.assert_allclose(sound.samples, wanted, atol=1e-6)


def test_a_long_sentence_is_divided_without_a_pause(tmp_path: Path) -> None:
    recipe = {**MEL, "longest": 8, "pause_s": 1.0}
    folder = write_voice(tmp_path / "long", recipe, {"acoustic": mel_network(), "vocoder": vocoder_network()})
    with load(folder) as voice, closing(voice.session()) as session:
        given = feed(session, "abc, defg, hi.")
    assert [len(each.value.samples) // 2 for each in given] == [4, 5, 3]


def test_cancel_ends_it_behind_the_run_that_it_is_in(mel: Any) -> None:
    with closing(mel.session()) as session:
        sounds = session.feed(Text("one. two. three.", 0, 0), NO_CLOCK)
        next(sounds)
        session.cancel()
        assert list(sounds) == []
        assert len(feed(session, "one. two. three.")) == 3


def test_cancel_within_a_run_gives_no_sound_of_it(mel: Any) -> None:
    with closing(mel.session()) as session:
        at_work, cancelled = threading.Event(), threading.Event()
        acoustic = session._acoustic

        def slow(ids: Any, random: Any) -> Any:
            at_work.set()
            assert cancelled.wait(10)
            return acoustic(ids, random)

        session._acoustic = slow
        given: list[Any] = []
        thread = threading.Thread(target=lambda: given.extend(feed(session, "one. two.")))
        thread.start()
        assert at_work.wait(10)
        session.cancel()
        cancelled.set()
        thread.join(10)
        assert given == []


def test_a_file_of_texts_is_spoken_line_by_line(mel: Any, tmp_path: Path) -> None:
    (tmp_path / "said.txt").write_text("one. two.\n\nthree.\n")
    with edgemm.open_source(f"text:{tmp_path / 'said.txt'}") as source, mel.stream(source) as stream:
        items = [(len(item.value.samples) // 2, item.final) for item in stream]
        summary = stream.ledger.summary()
    assert items == [(4, False), (4, True), (6, True)]
    assert (summary["captured"], summary["delivered"], summary["results"]) == (2, 2, 3)


def test_what_is_cancelled_in_a_stream_is_counted(mel: Any, tmp_path: Path) -> None:
    (tmp_path / "said.txt").write_text("one. two. three.\nfour.\n")
    with edgemm.open_source(f"text:{tmp_path / 'said.txt'}") as source, mel.stream(source) as stream:
        items = []
        for item in stream:
            items.append(item.final)
            if len(items) == 1:
                stream.cancel()
        summary = stream.ledger.summary()
    assert items == [False, True]
    assert (summary["delivered"], summary["interrupted"]) == (2, 1)


def test_a_spectrum_becomes_sound(tmp_path: Path) -> None:
    """Pulses at 1,000 Hz of 8,000: the three harmonics below 3,500 Hz, in a period of eight samples."""
    recipe = {
        "phonemes": "characters", "waveform": "harmonics", "speed_input": "speed", "n_fft": 64, "hop": 16,
        "highest_hz": 3500,
    }  # fmt: skip
    folder = write_voice(tmp_path / "harmonics", recipe, {"acoustic": harmonics_network(33, 1000.0)})
    with load(folder) as voice:
        sound = voice("abcdefghijklmnopqrst")
    assert len(sound.samples) == 20 * 16
    angle = 2 * np.pi * (np.arange(1, 321)) / 8
    pulses = np.sum([np.cos(each * angle) for each in (1, 2, 3)], axis=0) / 16
    np.testing.assert_allclose(sound.samples[64:-64], pulses[64:-64], atol=1e-4)


def test_words_that_are_not_in_the_lexicon_go_through_the_network(tmp_path: Path) -> None:
    tables = {
        "in": list("abcdefghijklmnopqrstuvwxyz"),
        "out": list("zyxwvutsrqponmlkjihgfedcba"),
        "maxlen": 4,
    }
    assets = {"lexicon": b'{"two": "tu", "A": "ay"}', "letters": json.dumps(tables).encode()}
    parts = {"acoustic": mel_network(), "vocoder": vocoder_network(), "letters": letters_network()}
    folder = write_voice(tmp_path / "words", {"language": "en", "waveform": "vocoder"}, parts, assets)
    with load(folder) as voice:
        np.testing.assert_allclose(voice("2 abba").samples, mel_sound("tu zyyz."), atol=1e-6)
        np.testing.assert_allclose(voice("hello").samples, mel_sound("svool."), atol=1e-6)
        np.testing.assert_allclose(voice("bottled").samples, mel_sound("ylggovw."), atol=1e-6)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at least one word"),
        ("...", "at least one word"),
        ("日本語", "this voice can speak"),
        ("a" * 20_001, "at most 20000 characters, found 20001"),
    ],
)
def test_texts_that_cannot_be_spoken_are_refused(mel: Any, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        mel(text)


def test_other_things_than_one_text_are_refused(mel: Any) -> None:
    with closing(mel.session()) as session:
        with pytest.raises(InputError, match="expected a Text, found Frame"):
            list(session.feed(Frame(np.zeros((2, 2, 3), np.uint8), 0, 0), NO_CLOCK))
        with pytest.raises(InputError, match="found two"):
            list(session.feed(Text("a", 0, 0, pair="b"), NO_CLOCK))


def test_what_has_no_sound_is_counted_and_no_text_is_in_the_log(
    mel: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "edgemm"), closing(mel.session()) as session:
        feed(session, "secret ßé. äö.")
        assert session.unknown == 4
    assert len(caplog.records) == 1
    assert "2 characters of a text" in caplog.text
    assert "secret" not in caplog.text


def test_one_text_after_the_other(mel: Any) -> None:
    with closing(mel.session()) as session:
        first = feed(session, "one. two.")
        assert len(feed(session, "three.")) == 1
        again = feed(session, "one. two.")
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.value.samples, other.value.samples)


def test_the_example_writes_what_is_spoken(tmp_path: Path) -> None:
    folder = write_voice(tmp_path / "piper", PIPER, {"acoustic": piper_network()})
    program = Path(__file__).parents[3] / "examples" / "speak.py"
    made = tmp_path / "said.wav"
    called = [sys.executable, str(program), str(folder), "hi. you.", "-o", str(made), "--speed", "2"]
    told = subprocess.run(called, capture_output=True, text=True, check=True).stdout
    with wave.open(str(made)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767
    wanted = np.concatenate((piper_sound("hi.", 5), piper_sound("you.", 5)))
    np.testing.assert_allclose(samples, wanted, atol=1 / 32767)
    assert f"{len(wanted) / RATE:.2f} s of sound" in told


def test_sound_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {"acoustic": mel_network(), "vocoder": vocoder_network("Reciprocal")}
    with load(write_voice(tmp_path / "inf", {**MEL, "begin": [0]}, parts)) as voice:
        with pytest.raises(ArtifactError, match="NaN or infinity"):
            voice("a")
        monkeypatch.setattr(acoustic_module, "LONGEST_S", 4 / RATE)
        with pytest.raises(ArtifactError, match="found 6 samples"):
            voice("ab")


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({**PIPER, "speaker_input": ""}, "expected the inputs"),
        ({**PIPER, "ids_input": "ids"}, "ids"),
        ({**PIPER, "waveform": "vocoder"}, "part vocoder"),
        ({**PIPER, "output": "sound"}, "'sound'"),
        ({**PIPER, "phonemes": "lexicon"}, "no lexicon"),
        ({**PIPER, "phonemes": "program"}, "program"),
        ({**PIPER, "program": "espeak-ng"}, "program"),
        ({**PIPER, "program_voice": "en; rm"}, "program_voice"),
        ({**PIPER, "language": "xx"}, "language"),
        ({**PIPER, "spectrum": ["a"]}, "spectrum"),
        ({**PIPER, "hop": 7}, "hop"),
        ({**PIPER, "sample_rate": 1}, "sample_rate"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused(tmp_path: Path, recipe: dict[str, Any], said: str) -> None:
    folder = write_voice(tmp_path / "wrong", recipe, {"acoustic": piper_network()})
    with pytest.raises(CardError, match=said):
        load(folder).close()


def test_a_speed_that_the_network_does_not_take_is_refused(mel: Any) -> None:
    with pytest.raises(CardError, match="one speed"):
        mel.session(speed=1.5)
    with pytest.raises(CardError, match="one speaker"):
        mel.session(speaker=3)


def test_tables_of_another_network_are_refused(tmp_path: Path) -> None:
    tables = {"in": list("abc"), "out": ["x"], "maxlen": 4}
    assets = {"lexicon": b'{"two": "tu"}', "letters": json.dumps(tables).encode()}
    parts = {"acoustic": mel_network(), "vocoder": vocoder_network(), "letters": letters_network()}
    folder = write_voice(tmp_path / "words", {"language": "en", "waveform": "vocoder"}, parts, assets)
    with load(folder) as voice, pytest.raises(CardError, match="another network"):
        voice("cab")
