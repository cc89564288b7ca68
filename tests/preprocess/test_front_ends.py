"""Front ends against the libraries that models are trained with, on speech, noise, clipping and silence."""

from __future__ import annotations

import wave
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import package

from edgemm import data
from edgemm.card import AudioRecipe
from edgemm.card.presets import preset
from edgemm.preprocess import AudioWindow, compile_audio
from edgemm.preprocess.logmel import logmel
from edgemm.preprocess.microfrontend import MicroFrontend
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
Samples = npt.NDArray[np.float32]
RATE = 16000
MFCC_TOLERANCE = 1e-4
"""Of coefficients up to 100: both compute in float64, the frames are rounded to float32."""
KALDI_TOLERANCE = 5e-3
"""Natural-log units at the worst; 1e-4 on average. Kaldi computes in float32, whose rounding shows in bands far
below the loudest."""
LIBROSA_TOLERANCE = 1e-3
"""dB: librosa computes its spectrum in float32."""


def recipe_of(name: str) -> AudioRecipe:
    recipe = preset(name).inputs[0].audio
    assert recipe is not None
    return recipe


def window_of(name: str, shape: tuple[int, ...], **changes: object) -> AudioWindow:
    card = preset(name).inputs[0]
    recipe = replace(recipe_of(name), **changes)  # type: ignore[arg-type]
    return compile_audio(replace(card, layout="NTF", audio=recipe), TensorSpec("input", shape, "float32"))


def speech() -> Samples:
    """Bundled recordings, as if they had been made at 16 kHz."""
    parts = []
    for path in sorted(data.path("spoken_digits").rglob("*.wav"))[:6]:
        with wave.open(str(path)) as file:
            parts.append(np.frombuffer(file.readframes(file.getnframes()), "<i2"))
    return np.concatenate(parts).astype(np.float32) / np.float32(32768.0)


def noise(level: float) -> Samples:
    """16-bit noise; above 1 most of it is clipped."""
    random = np.random.default_rng(0).standard_normal(2 * RATE) * level
    return (np.rint(np.clip(random, -1.0, 1.0) * 32767.0) / 32768.0).astype(np.float32)


SOUNDS: dict[str, Callable[[], Samples]] = {
    "speech": speech,
    "faint noise": lambda: noise(1e-4),
    "noise": lambda: noise(0.1),
    "clipped noise": lambda: noise(10.0),
    "square wave": lambda: np.sign(np.sin(np.arange(RATE) / 11.0)).astype(np.float32),
    "silence": lambda: np.zeros(RATE, np.float32),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_the_micro_front_end_is_that_of_tflite_micro_bit_for_bit(name: str) -> None:
    library = package("pymicro_features")
    samples = SOUNDS[name]()
    frames = np.array([frame.copy() for frame in MicroFrontend(recipe_of("microwakeword")).push(samples)])
    expected, reference = [], library.MicroFrontend()
    stored = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype("<i2").tobytes()
    at = 0
    while at + 320 <= len(stored):
        found = reference.process_samples(stored[at : at + 320])
        at += 2 * found.samples_read
        if found.features:
            expected.append(found.features)
    assert len(expected) > 90
    np.testing.assert_array_equal(frames[: len(expected)], np.array(expected, np.float32))


@pytest.mark.parametrize("name", SOUNDS)
def test_log_mel_as_kaldi_computes_it(name: str) -> None:
    library = package("kaldi_native_fbank")
    samples = SOUNDS[name]()
    options = library.FbankOptions()
    options.frame_opts.dither = 0.0
    options.mel_opts.num_bins = 80
    reference = library.OnlineFbank(options)
    reference.accept_waveform(RATE, (samples * 32768.0).tolist())
    reference.input_finished()
    expected = np.array([reference.get_frame(at) for at in range(reference.num_frames_ready)])
    error = np.abs(logmel(samples, recipe_of("kaldi-fbank80")) - expected)
    assert len(expected) > 90
    assert error.max() <= KALDI_TOLERANCE
    assert error.mean() <= 1e-4


def loaded_librosa() -> Any:
    """Its functions load what reads sound files only when they are first called."""
    package("soundfile")
    return package("librosa")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("padding", ["reflect", "constant"])
@pytest.mark.parametrize("name", ["speech", "noise"])
def test_each_window_of_a_stream_as_librosa_computes_it(name: str, padding: str) -> None:
    librosa = loaded_librosa()
    samples, seen = SOUNDS[name](), 0
    window = window_of("librosa-mel64", (1, 101, 64), padding=padding, stride=4000)
    out = np.empty((1, 101, 64), np.float32)
    for at in range(0, len(samples), 700):
        for end in window.push(samples[at : at + 700], RATE):
            window.write(out)
            power = librosa.feature.melspectrogram(
                y=samples[end - RATE : end], sr=RATE, n_fft=512, hop_length=160, n_mels=64, pad_mode=padding
            )
            expected = librosa.power_to_db(power, ref=np.max)
            np.testing.assert_allclose(out[0], expected.T, atol=LIBROSA_TOLERANCE)
            seen += 1
    assert seen >= 4


@pytest.mark.filterwarnings("ignore")
def test_log_mel_as_librosa_computes_it_without_padding() -> None:
    librosa = loaded_librosa()
    recipe = replace(recipe_of("librosa-mel64"), padding="none", db_reference="one", db_range=0.0)
    power = librosa.feature.melspectrogram(
        y=speech(), sr=RATE, n_fft=512, hop_length=160, n_mels=64, center=False
    )
    expected = librosa.power_to_db(power, top_db=None).T
    np.testing.assert_allclose(logmel(speech(), recipe), expected, atol=LIBROSA_TOLERANCE)


@pytest.mark.filterwarnings("ignore")
def test_mfcc_as_librosa_computes_it() -> None:
    librosa = loaded_librosa()
    changes = {"padding": "none", "db_reference": "one", "db_range": 0.0, "feature": "mfcc"}
    recipe = replace(recipe_of("librosa-mel64"), **changes, n_mfcc=20, dct_norm="ortho")  # type: ignore[arg-type]
    power = librosa.feature.melspectrogram(
        y=speech(), sr=RATE, n_fft=512, hop_length=160, n_mels=64, center=False
    )
    expected = librosa.feature.mfcc(S=librosa.power_to_db(power, top_db=None), n_mfcc=20)
    np.testing.assert_allclose(logmel(speech(), recipe), expected.T, atol=LIBROSA_TOLERANCE)


def mlperf_mfcc(clip: Samples) -> npt.NDArray[np.float64]:
    """float64[49, 10], from the formulas of tf.signal."""
    x = clip.astype(np.float64) / clip.max()
    frames = np.stack([x[at : at + 480] for at in range(0, 49 * 320, 320)])
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(480) / 480)
    magnitude = np.abs(np.fft.rfft(frames * hann, 512))
    bins = 1127.0 * np.log1p(np.arange(257) * 31.25 / 700.0)
    low, high = 1127.0 * np.log1p(20.0 / 700.0), 1127.0 * np.log1p(4000.0 / 700.0)
    edges = np.linspace(low, high, 42)
    rising = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    logs = np.log(magnitude @ np.maximum(0.0, np.minimum(rising, falling)) + 1e-6)
    angles = np.pi / 40 * np.outer(np.arange(40) + 0.5, np.arange(10))
    return np.asarray(logs @ np.cos(angles) * np.sqrt(2.0 / 40))


def test_mfcc_of_each_window_as_mlperf_tiny_computes_it() -> None:
    samples, seen = speech(), 0
    window, out = window_of("mlperf-kws", (1, 49, 10)), np.empty((1, 49, 10), np.float32)
    for end in window.push(samples, RATE):
        window.write(out)
        np.testing.assert_allclose(out[0], mlperf_mfcc(samples[end - window.span : end]), atol=MFCC_TOLERANCE)
        seen += 1
    assert seen >= 5


@pytest.mark.parametrize(
    ("name", "shape"),
    [("microwakeword", (1, 3, 40)), ("mlperf-kws", (1, 49, 10)),
     ("kaldi-fbank80", (1, 98, 80)), ("librosa-mel64", (1, 101, 64))],
)  # fmt: skip
@pytest.mark.parametrize("block", [1, 333, 480, 20000])
def test_blocks_of_any_size_give_the_same_bits(name: str, shape: tuple[int, ...], block: int) -> None:
    samples, out = speech()[:20000], np.empty(shape, np.float32)
    tensors: list[list[Samples]] = [[], []]
    for kept, size in zip(tensors, (block, 160), strict=True):
        window = window_of(name, shape)
        for at in range(0, len(samples), size):
            for _ in window.push(samples[at : at + size], RATE):
                window.write(out)
                kept.append(out.copy())
    assert np.array_equal(tensors[0], tensors[1])


def test_a_reset_forgets_the_estimate_of_the_noise() -> None:
    front_end = MicroFrontend(recipe_of("microwakeword"))
    first = [frame.copy() for frame in front_end.push(noise(0.1))]
    front_end.reset()
    assert np.array_equal(first, [frame.copy() for frame in front_end.push(noise(0.1))])


def test_a_hamming_window_in_the_middle_of_the_transform() -> None:
    """By definition, frame by frame, in numpy; the mel filters are tested elsewhere."""
    from edgemm.preprocess.mel import mel_bank

    recipe, sound = recipe_of("voicefilter-speaker"), speech()
    assert (recipe.window, recipe.n_fft, recipe.hop) == (400, 512, 160)
    hamming = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(400) / 400)
    padded = np.concatenate([np.zeros(56), hamming, np.zeros(56)])
    bank = mel_bank(RATE, 512, 40, 0.0, 8000.0, "slaney")
    starts = range(0, len(sound) - 511, 160)
    power = np.stack([np.abs(np.fft.rfft(sound[at : at + 512] * padded)) ** 2 for at in starts])
    expected = np.log10(power @ bank.T + 1e-10)
    windows = [each[0] for each in window_of("voicefilter-speaker", (1, 80, 40)).clip(sound, RATE, 1)]
    assert len(windows) == 1 + (len(starts) - 80) // 40
    for at, window in enumerate(windows):
        assert np.abs(window - expected[at * 40 : at * 40 + 80]).max() < 1e-5  # float32 of numbers up to 10


def test_a_speaker_encoders_frames_are_librosas() -> None:
    librosa = package("librosa")
    sound = speech()
    found = librosa.feature.melspectrogram(
        y=sound, sr=RATE, n_fft=512, win_length=400, hop_length=160, n_mels=40, window="hamming", center=False
    )
    expected = np.log10(found.T + 1e-10)
    windows = [each[0] for each in window_of("voicefilter-speaker", (1, 80, 40)).clip(sound, RATE, 1)]
    for at, window in enumerate(windows):
        assert np.abs(window - expected[at * 40 : at * 40 + 80]).max() < LIBROSA_TOLERANCE
