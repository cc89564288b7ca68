"""A stage of sound: every sample comes out once, at the time at which it was heard; and a model behind it."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from denoising_bundle import FRAME, HOP, RATE, write_denoiser

import edgemm
from edgemm.card import ModelCard
from edgemm.cli import main
from edgemm.errors import CardError, InputError
from edgemm.media import AudioBlock
from edgemm.model.bundle import BundleModel
from edgemm.results import Audio, Segments
from edgemm.session import NO_CLOCK, Emission, Gap, Session
from edgemm.tasks.voice_activity import VoiceActivityRecipe

pytestmark = pytest.mark.device
DELAY = FRAME - HOP
Samples = npt.NDArray[np.float32]
Make = Callable[..., edgemm.Model]
EXACT = 1e-5
"""Of samples up to 0.5: four Fourier transforms there and back, in float32."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[BundleModel]:
    with edgemm.load_bundle(write_denoiser(tmp_path / "denoiser")) as model:
        yield model


def sound(count: int) -> Samples:
    return np.random.default_rng(count).uniform(-0.5, 0.5, count).astype(np.float32)


def fed(session: Session, samples: Samples, size: int, *, rate: int = RATE, start: int = 0) -> list[Emission]:
    """Blocks of a sound that began at 5 s of the clock."""
    found: list[Emission] = []
    for at in range(0, len(samples), size):
        position = start + at
        captured_ns = 5_000_000_000 + round(position * 1e9 / rate)
        found += session.feed(AudioBlock(samples[at : at + size], rate, captured_ns, position), NO_CLOCK)
    return found


def samples_of(found: Iterable[Emission]) -> Samples:
    parts = [each.value.samples for each in found if isinstance(each.value, Audio)]
    return np.concatenate([np.zeros(0, np.float32), *parts])


@pytest.mark.parametrize("count", [1, 7, 8, 31, 32, 33, 100, 256])
def test_a_recording_comes_out_sample_for_sample(stage: BundleModel, count: int) -> None:
    found = stage(sound(count), sample_rate=RATE)
    assert isinstance(found, Audio)
    assert found.sample_rate == RATE
    assert found.samples == pytest.approx(sound(count), abs=EXACT)


@pytest.mark.parametrize("size", [1, 5, 8, 100, 300])
@pytest.mark.parametrize("start", [0, 16_003])
def test_blocks_of_any_size_give_the_same_at_their_own_times(
    stage: BundleModel, size: int, start: int
) -> None:
    session = stage.session()
    found = [*fed(session, sound(261), size, start=start), *session.finish(NO_CLOCK)]
    assert samples_of(found) == pytest.approx(sound(261), abs=EXACT)
    at = 0
    for each in found:
        assert isinstance(each.value, Audio)
        begin_ns = 5_000_000_000 + (start + at) * 62_500
        assert each.begin_ns == pytest.approx(begin_ns, abs=2)
        at += len(each.value.samples)
        assert each.newest_ns == pytest.approx(5_000_000_000 + (start + at) * 62_500, abs=2)
    assert at == 261


def test_what_comes_out_is_late_by_the_frames_that_still_cover_it(stage: BundleModel) -> None:
    session = stage.session()
    found = fed(session, sound(80), 16)
    assert len(samples_of(found)) == 80 - DELAY
    assert found[0].newest_ns == 5_000_000_000 + (32 - DELAY) * 62_500  # of the block that ends at sample 32


def test_a_gap_gives_all_that_was_heard_before_it_and_forgets(stage: BundleModel) -> None:
    session = stage.session()
    before = [*fed(session, sound(45), 20), *session.gap(Gap(10), NO_CLOCK)]
    assert samples_of(before) == pytest.approx(sound(45), abs=EXACT)
    after = [*fed(session, sound(50), 20, start=55), *session.finish(NO_CLOCK)]
    assert samples_of(after) == pytest.approx(sound(50), abs=EXACT)
    assert after[0].begin_ns == pytest.approx(5_000_000_000 + 55 * 62_500, abs=2)


def test_states_begin_anew_with_every_recording_and_stream(tmp_path: Path) -> None:
    """Frame n is multiplied with 1 / (n + 1); the first sample lies in the frames 0 to 3."""
    with edgemm.load_bundle(write_denoiser(tmp_path / "fading", fading=True)) as stage:
        one = np.zeros(100, np.float32)
        one[0], one[40] = 1.0, 1.0
        shares = [sum(1 / (n + 1) for n in range(at // HOP, at // HOP + 4)) / 4 for at in (0, 40)]
        for _ in range(2):
            found = stage(one, sample_rate=RATE)
            assert isinstance(found, Audio)
            assert found.samples[[0, 40]] == pytest.approx(shares, abs=EXACT)
        first, second = stage.session(), stage.session()
        fed(first, one, 10)
        streamed = samples_of([*fed(second, one, 10), *second.finish(NO_CLOCK)])
        assert streamed[[0, 40]] == pytest.approx(shares, abs=EXACT)


def test_some_of_what_was_heard_may_be_left(tmp_path: Path) -> None:
    with edgemm.load_bundle(write_denoiser(tmp_path / "fading", fading=True)) as stage:
        heard = sound(96)
        (cleaned, none, half) = (
            samples_of([*fed(session, heard, 10), *session.finish(NO_CLOCK)])
            for session in (stage.session(), stage.session(amount=0.0), stage.session(amount=0.5))
        )
    assert none == pytest.approx(heard, abs=EXACT)
    assert half == pytest.approx((cleaned + heard) / 2, abs=EXACT)
    assert np.abs(cleaned - heard).max() > 0.1


@pytest.mark.parametrize("rate", [8000, 48_000])
def test_sound_of_another_rate_is_resampled_and_as_long(stage: BundleModel, rate: int) -> None:
    pytest.importorskip("soxr")
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)).astype(np.float32)
    session = stage.session()
    found = [*fed(session, tone, 777, rate=rate), *session.finish(NO_CLOCK)]
    streamed = samples_of(found)
    assert len(streamed) == pytest.approx(RATE, abs=2)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(streamed)) / RATE)
    assert np.abs(streamed - expected)[200:-200].max() < 0.01  # the ends of a tone ring
    assert found[-1].newest_ns == pytest.approx(6_000_000_000, abs=200_000)
    for one, other in pairwise(found):
        assert one.newest_ns == pytest.approx(other.begin_ns, abs=2)


def test_a_cancelled_block_ends_without_a_result(stage: BundleModel) -> None:
    session = stage.session()
    found = session.feed(AudioBlock(sound(400), RATE, 0, 0), NO_CLOCK)
    session.cancel()
    assert len(samples_of(found)) > 0  # a generator that has not begun renews
    given = iter(session.feed(AudioBlock(sound(400), RATE, 0, 400), Cancels(session)))
    assert list(given) == []


class Cancels:
    """A clock that cancels the session as soon as it works."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def start(self, stage: str) -> None:
        if stage == "infer":
            self._session.cancel()

    def stop(self) -> None:
        """Nothing."""


def test_what_is_no_sound_is_refused(stage: BundleModel) -> None:
    session = stage.session()
    with pytest.raises(InputError, match="finite"):
        fed(session, np.full(9, np.nan, np.float32), 9)
    fed(session, sound(9), 9)
    with pytest.raises(InputError, match="expected 16000 Hz as before, found 8000"):
        fed(session, sound(9), 9, rate=8000)
    with pytest.raises(InputError, match="expected sound"):
        list(session.feed(edgemm.Frame(np.zeros((2, 2), np.uint8), 0, 0, "gray"), NO_CLOCK))


def test_a_hop_that_does_not_divide_the_frame_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"hop: expected a whole part of frame \(32\), found 7"):
        edgemm.load_bundle(write_denoiser(tmp_path / "denoiser", hop=7))


@pytest.fixture
def listener(make: Make, loud_card: ModelCard) -> edgemm.Model:
    """Loud sound as segments, at 8 kHz."""
    recipe = VoiceActivityRecipe(speech="loud", shortest_speech_s=0.0, shortest_silence_s=0.01, padding_s=0.0)
    return make("loud.tflite", replace(loud_card, task="voice_activity", recipe=recipe))


@pytest.fixture
def slow_stage(tmp_path: Path) -> Iterator[BundleModel]:
    """At 8 kHz, so that nothing is resampled."""
    with edgemm.load_bundle(write_denoiser(tmp_path / "slow", rate=8000)) as model:
        yield model


def loud(begin: int, end: int, count: int) -> Samples:
    samples = np.zeros(count, np.float32)
    samples[begin:end] = 0.9  # 80 of them are loud for the model, and 40 are not
    return samples


@pytest.mark.parametrize("size", [30, 80, 1000])
def test_a_model_behind_a_stage_answers_as_without_it_at_the_same_times(
    slow_stage: BundleModel, listener: edgemm.Model, size: int
) -> None:
    heard = loud(160, 480, 640)
    chain, alone = slow_stage.then(listener).session(), listener.session()
    found = [*fed(chain, heard, size, rate=8000, start=800), *chain.finish(NO_CLOCK)]
    expected = [*fed(alone, heard, size, rate=8000, start=800), *alone.finish(NO_CLOCK)]
    assert len(found) == len(expected) == 2
    for one, other in zip(found, expected, strict=True):
        assert isinstance(one.value, Segments)
        assert isinstance(other.value, Segments)
        (mine,), (theirs,) = one.value.segments, other.value.segments
        assert (mine.begin_s, mine.end_s) == pytest.approx((theirs.begin_s, theirs.end_s), abs=1e-9)
        assert one.newest_ns == pytest.approx(other.newest_ns, abs=200)
        assert one.final == other.final


def test_the_delay_of_a_stage_stands_in_the_age(slow_stage: BundleModel, listener: edgemm.Model) -> None:
    """What the model hears when a block has come was captured `DELAY` samples before its end, at least."""
    chain = slow_stage.then(listener).session()
    heard, seen = loud(0, 800, 800), 0
    for at in range(0, 800, 40):
        now_ns = 5_000_000_000 + (at + 40) * 125_000
        block = AudioBlock(heard[at : at + 40], 8000, now_ns - 40 * 125_000, at)
        for each in chain.feed(block, NO_CLOCK):
            seen += 1
            assert now_ns - each.newest_ns >= DELAY * 125_000
    assert seen == 1


def test_a_gap_passes_through_both(slow_stage: BundleModel, listener: edgemm.Model) -> None:
    chain = slow_stage.then(listener).session()
    fed(chain, loud(0, 400, 400), 100, rate=8000)
    (ended,) = chain.gap(Gap(80), NO_CLOCK)
    assert isinstance(ended.value, Segments)
    assert ended.value.segments[0].end_s == pytest.approx(0.05)
    begun, *_ = fed(chain, loud(0, 400, 400), 100, rate=8000, start=480)
    assert isinstance(begun.value, Segments)
    assert begun.value.segments[0].begin_s == pytest.approx(
        0.065
    )  # the newest stride of the first whole window
    assert begun.begin_ns >= 5_000_000_000 + 480 * 125_000


def test_a_recording_through_both(slow_stage: BundleModel, listener: edgemm.Model) -> None:
    heard = loud(160, 480, 640)
    found, expected = (model(heard, sample_rate=8000) for model in (slow_stage.then(listener), listener))
    assert isinstance(found, Segments)
    assert isinstance(expected, Segments)
    assert [(each.begin_s, each.end_s) for each in found.segments] == [
        (each.begin_s, each.end_s) for each in expected.segments
    ]


def test_what_gives_no_sound_is_no_stage(
    slow_stage: BundleModel, listener: edgemm.Model, quadrant: edgemm.Model
) -> None:
    with pytest.raises(InputError, match=r"expected a stage that gives sound.*found 'voice_activity'"):
        listener.then(listener)
    with pytest.raises(InputError, match="expected a model that takes sound behind the stage, found 'image'"):
        slow_stage.then(quadrant)


def test_a_chain_closes_both(tmp_path: Path, make: Make, loud_card: ModelCard) -> None:
    first, second = (
        edgemm.load_bundle(write_denoiser(tmp_path / "denoiser")),
        make("loud.tflite", loud_card),
    )
    with first.then(second) as chain:
        assert chain.card is second.card
        assert chain.delegates
    for model in (first, second, chain):
        with pytest.raises(InputError, match="closed"):
            model(sound(80), sample_rate=8000)


def write_wav(path: Path, samples: Samples) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def test_a_stage_on_the_command_line_and_in_an_app(
    tmp_path: Path, listener: edgemm.Model, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    write_denoiser(tmp_path / "slow", rate=8000)
    write_wav(tmp_path / "said.wav", loud(800, 2400, 4000))
    model = str(listener.artifact.path)
    command = ["run", model, "--source", str(tmp_path / "said.wav"), "--before", str(tmp_path / "slow")]
    assert main([*command, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (ended,) = [each["result"]["segments"] for each in lines[:-1] if each["result"]["final"]]
    assert ended[0]["begin_s"] == pytest.approx(0.1, abs=0.006)
    assert ended[0]["end_s"] == pytest.approx(0.3, abs=0.006)
    app: dict[str, Any] = {
        "schema": "edgemm.app/1",
        "streams": {"heard": {"model": model, "source": "said.wav", "before": "slow"}},
    }
    (tmp_path / "app.json").write_text(json.dumps(app))
    assert main(["run", str(tmp_path / "app.json"), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["result"]["segments"] for each in lines[:-1] if each["result"]["final"]] == [ended]
