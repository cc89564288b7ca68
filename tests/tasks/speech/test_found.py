"""A part that says where somebody speaks: over sound of any rate, and as what ends the utterances of a CTC network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.card import AudioRecipe
from edgemm.errors import CardError
from edgemm.media import AudioBlock
from edgemm.session import NO_CLOCK
from edgemm.tasks.ctc.driver import CtcDriver
from edgemm.tasks.ctc.recipe import CtcRecipe
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.silence import Piece, Silence
from edgemm.tasks.speech.found import FoundVoice
from edgemm.tasks.transducer.driver import TransducerDriver
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
HOP = 512
TOKENS = b"<blk> 0\n\xe2\x96\x81a 1\n"
AUDIO = AudioRecipe(sample_rate=16000, window=400, hop=160, n_fft=512, n_mels=8, frames=8, stride=1280)
RECIPE = CtcRecipe(audio=AUDIO, endpoint_s=0.5, tail_s=0.0, voice_samples=HOP, voice_window=HOP)


class Loud:
    """Voice is what is louder than 0.05: a `Voice` that keeps what it heard."""

    hop = HOP

    def __init__(self) -> None:
        self.pieces: list[npt.NDArray[np.float32]] = []

    def __call__(self, samples: npt.NDArray[np.float32]) -> bool:
        self.pieces.append(samples)
        return float(np.abs(samples).max()) > 0.05

    def reset(self) -> None:
        self.pieces.clear()


def tone(rate: int, seconds: float, *loud_s: tuple[float, float]) -> npt.NDArray[np.float32]:
    times = np.arange(round(seconds * rate)) / rate
    loud = sum(((begin <= times) & (times < end)).astype(float) for begin, end in loud_s)
    return np.asarray(np.sin(2 * np.pi * 300 * times) * (1e-3 + 0.3 * loud), np.float32)


def pieces(
    found: FoundVoice, samples: Any, rate: int, size: int, first: int = 0
) -> list[tuple[int, int, bool]]:
    """Begin and end as samples of the stream."""
    told: list[tuple[int, int, bool]] = []
    for at in range(0, len(samples), size):
        block = AudioBlock(samples[at : at + size], rate, 0, first + at)
        told += [(first + at + each.begin, first + at + each.end, each.voice) for each in found(block)]
    return told


@pytest.mark.parametrize("size", [100, 5000, 1 << 20])
def test_pieces_of_its_own_rate_are_all_samples_in_their_order(size: int) -> None:
    voice, samples = Loud(), tone(16000, 1.0, (0.3, 0.6))
    told = pieces(FoundVoice(voice, 16000), samples, 16000, size, 7)
    assert np.array_equal(np.concatenate(voice.pieces), samples[: len(samples) // HOP * HOP])
    assert [each[:2] for each in told] == [(7 + at, 7 + at + HOP) for at in range(0, 15360 + 1, HOP)][
        : len(told)
    ]
    speaks = [begin / 16000 for begin, _, speaking in told if speaking]
    assert (min(speaks), max(speaks)) == pytest.approx((0.3, 0.6), abs=0.04)


@pytest.mark.parametrize("rate", [8000, 44100])
def test_sound_of_another_rate_is_heard_at_its_own(rate: int) -> None:
    pytest.importorskip("soxr")
    voice, samples = Loud(), tone(rate, 1.5, (0.5, 1.0))
    told = pieces(FoundVoice(voice, 16000), samples, rate, 441, 3 * rate)
    lengths = {end - begin for begin, end, _ in told}
    assert lengths <= {int(HOP * rate / 16000), int(HOP * rate / 16000) + 1}
    speaks = [begin / rate - 3 for begin, _, speaking in told if speaking]
    assert (min(speaks), max(speaks)) == pytest.approx((0.5, 1.0), abs=0.05)


def test_nothing_stays_behind_after_a_reset() -> None:
    voice = Loud()
    found = FoundVoice(voice, 16000)
    pieces(found, tone(16000, 0.5, (0.0, 0.5)), 16000, 700)
    found.reset()
    assert voice.pieces == []
    assert pieces(found, tone(16000, 0.5), 16000, 700, 100)[0] == (100, 100 + HOP, False)


def test_no_more_is_kept_of_an_hour_than_of_a_second() -> None:
    found = FoundVoice(Loud(), 16000)
    pieces(found, np.zeros(60 * 16000, np.float32), 16000, 1600)
    assert len(found._heard._room) <= 2 * 16000


def test_a_silence_is_told_by_it() -> None:
    silence = Silence(0.5, FoundVoice(Loud(), 16000))
    samples = tone(16000, 2.5, (0.5, 1.0))
    told = [quiet for _, quiet in silence.parts(AudioBlock(samples, 16000, 0, 0)) if quiet is not None]
    assert [each.since_s for each in told] == pytest.approx([1.0], abs=0.04)
    assert [each.now_s for each in told] == pytest.approx([1.5], abs=0.04)


def test_a_piece_that_began_in_a_block_before_begins_below_zero() -> None:
    found = FoundVoice(Loud(), 16000)
    samples = tone(16000, 1.0)
    list(found(AudioBlock(samples[:400], 16000, 0, 0)))
    assert list(found(AudioBlock(samples[400:600], 16000, 0, 400))) == [Piece(-400, 112, False)]


class Part:
    """Of a bundle: one output, by a function of the input."""

    def __init__(self, inputs: TensorSpec, outputs: TensorSpec, answer: Any) -> None:
        self.inputs, self.outputs, self._answer = (inputs,), (outputs,), answer
        self.steps = self.closed = 0

    def step(self, feeds: Any, signature: str = "") -> Outputs:
        self.steps += 1
        (spec,) = self.outputs
        return Outputs.of(self.outputs, {spec.name: self._answer(feeds[self.inputs[0].name])})

    def reset(self) -> None:
        pass

    def close(self) -> None:
        self.closed += 1


def network() -> Part:
    """Says "a" in its ninth window, at 0.67 s, and never again."""
    said = [0]

    def answer(frames: Any) -> Any:
        scores = np.full((1, 8, 2), -9.0, np.float32)
        scores[..., 0] = 0.0
        said[0] += 1
        if said[0] == 9:
            scores[0, 2] = (-9.0, 0.0)
        return scores

    return Part(TensorSpec("x", (1, 8, 8), "float32"), TensorSpec("log_probs", (1, 8, 2), "float32"), answer)


def speaker(until: int) -> Part:
    """Finds voice in the first pieces."""
    heard = [0]

    def answer(samples: Any) -> Any:
        heard[0] += 1
        return np.array([[0.9 if heard[0] <= until else 0.1]], np.float32)

    return Part(TensorSpec("input", (1, HOP), "float32"), TensorSpec("output", (1, 1), "float32"), answer)


@pytest.mark.parametrize(("by", "end_s"), [("sound", 1.01), ("labels", 1.2)])
def test_it_ends_what_a_ctc_network_writes(by: Any, end_s: float) -> None:
    """A hum goes on, so that the level never says that it is silent; the part's voice ends at 0.5 s."""
    parts: dict[str, Any] = {"model": network(), "voice_activity": speaker(16)}
    recipe = replace(RECIPE, endpoint_by=by, endpoint_s=0.5, partial=False)
    session = CtcDriver().session(recipe, parts, {"tokens": TOKENS}, {})
    samples = tone(16000, 3.0, (0.1, 3.0))
    found: list[Any] = []
    for at in range(0, len(samples), 160):
        found += session.feed(AudioBlock(samples[at : at + 160], 16000, at * 62_500, at), NO_CLOCK)
    (said,) = found
    assert (said.value.text, said.final) == ("a", True)
    assert said.newest_ns / 1e9 == pytest.approx(end_s, abs=0.05)
    assert parts["voice_activity"].steps == (len(samples) // HOP if by == "sound" else 0)
    session.close()
    assert (parts["model"].closed, parts["voice_activity"].closed) == (1, 1)


def test_a_part_that_does_not_fit_is_refused() -> None:
    parts: dict[str, Any] = {"model": network(), "voice_activity": speaker(1)}
    with pytest.raises(CardError, match="voice_activity: expected an input 'sound'"):
        CtcDriver().session(replace(RECIPE, voice_input="sound"), parts, {"tokens": TOKENS}, {})


@pytest.mark.parametrize("driver", [CtcDriver, TransducerDriver])
def test_bundles_may_have_it(driver: Any) -> None:
    assert driver.optional == ("voice_activity",)
    assert "voice_threshold" in driver.Recipe.OPTIONS
