"""The running window: any blocks in, the same tensors out."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgemm.card import AudioRecipe, InputCard
from edgemm.errors import InputError
from edgemm.preprocess import AudioWindow, compile_audio
from edgemm.preprocess.logmel import logmel
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device

SMALL = AudioRecipe(window=40, hop=16, n_fft=64, n_mels=6, fmax=8000.0, frames=5, stride=32)
"""One window covers 104 samples."""
WAVE = AudioRecipe(feature="waveform", samples=100, stride=30, mean=(0.1,), std=(0.5,))
SHAPES = {"NTF": (1, 5, 6), "NFT": (1, 6, 5), "NTFC": (1, 5, 6, 1), "NCTF": (1, 1, 5, 6), "NT": (1, 100)}


def spec_of(layout: str, dtype: str = "int8") -> TensorSpec:
    scale, zero_point = {"float32": (0.0, 0), "int8": (0.05, 40), "uint8": (0.05, 200)}[dtype]
    return TensorSpec("input", SHAPES[layout], dtype, scale, zero_point)


def window_of(recipe: AudioRecipe, layout: str, dtype: str = "int8") -> AudioWindow:
    card = InputCard(name="input", modality="audio", layout=layout, audio=recipe)
    return compile_audio(card, spec_of(layout, dtype))


def noise(length: int) -> npt.NDArray[np.float32]:
    return (np.random.default_rng(length).standard_normal(length) * 0.3).astype(np.float32)


def streamed(
    window: AudioWindow, blocks: Iterable[npt.NDArray[Any]], rate: int = 16000
) -> list[tuple[int, npt.NDArray[Any]]]:
    """(end, tensor) of each window."""
    spec = window._spec
    windows = []
    for block in blocks:
        for end in window.push(block, rate):
            out = np.empty(spec.shape, spec.dtype)
            window.write(out)
            windows.append((end, out))
    return windows


def assert_same(left: list[tuple[int, npt.NDArray[Any]]], right: list[tuple[int, npt.NDArray[Any]]]) -> None:
    assert [end for end, _ in left] == [end for end, _ in right]
    assert all(np.array_equal(one, other) for (_, one), (_, other) in zip(left, right, strict=True))


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8"])
@pytest.mark.parametrize("layout", ["NTF", "NFT", "NTFC", "NCTF"])
def test_log_mel_windows_in_each_layout(layout: str, dtype: str) -> None:
    samples, spec = noise(500), spec_of(layout, dtype)
    windows = streamed(window_of(SMALL, layout, dtype), [samples])
    assert [end for end, _ in windows] == list(range(104, 501, 32))
    for end, tensor in windows:
        frames = logmel(samples[end - 104 : end], SMALL)
        expected = spec.quantize(frames.T if layout == "NFT" else frames)
        assert np.array_equal(tensor, expected.reshape(spec.shape))


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8"])
def test_waveform_windows(dtype: str) -> None:
    samples, spec = noise(500), spec_of("NT", dtype)
    windows = streamed(window_of(WAVE, "NT", dtype), [samples])
    assert [end for end, _ in windows] == list(range(100, 501, 30))
    for end, tensor in windows:
        real = (samples[end - 100 : end] - np.float32(0.1)) / np.float32(0.5)
        assert np.array_equal(tensor[0], spec.quantize(real))


@pytest.mark.parametrize("layout", ["NFT", "NT"])
@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 900), max_size=30))
def test_blocks_of_any_size_give_the_same_windows(layout: str, cuts: list[int]) -> None:
    recipe, samples = WAVE if layout == "NT" else SMALL, noise(900)
    whole = streamed(window_of(recipe, layout), [samples])
    assert_same(streamed(window_of(recipe, layout), np.split(samples, sorted(cuts))), whole)


def test_a_stride_longer_than_the_window_leaves_samples_out() -> None:
    recipe = AudioRecipe(feature="waveform", samples=100, stride=350)
    windows = streamed(window_of(recipe, "NT", "float32"), np.array_split(noise(900), 7))
    assert [end for end, _ in windows] == [100, 450, 800]
    assert np.array_equal(windows[2][1][0], noise(900)[700:800])


def test_int16_is_scaled_to_one() -> None:
    whole = np.random.default_rng(0).integers(-32768, 32768, 400).astype(np.int16)
    real = (whole / 32768.0).astype(np.float32)
    assert_same(streamed(window_of(SMALL, "NTF"), [whole]), streamed(window_of(SMALL, "NTF"), [real]))


def test_leaving_early_skips_windows_but_loses_no_samples() -> None:
    samples, window = noise(600), window_of(SMALL, "NTF")
    for _ in window.push(samples[:400], 16000):
        break
    assert window.position == 400
    rest = streamed(window, [samples[400:]])
    assert_same(rest, [w for w in streamed(window_of(SMALL, "NTF"), [samples]) if w[0] > 400])


def test_reset_begins_anew() -> None:
    window = window_of(SMALL, "NTF")
    first = streamed(window, [noise(300)])
    window.reset()
    assert window.position == 0
    assert_same(streamed(window, [noise(300)]), first)


def test_write_before_the_first_window_is_an_error() -> None:
    window = window_of(SMALL, "NTF")
    list(window.push(noise(50), 16000))
    with pytest.raises(InputError, match="expected 104 samples, found 50"):
        window.write(np.empty((1, 5, 6), np.int8))


def test_write_into_another_tensor_is_an_error() -> None:
    window = window_of(SMALL, "NTF")
    list(window.push(noise(200), 16000))
    with pytest.raises(
        InputError, match=r"expected a C-contiguous array int8\[1, 5, 6\], found int8\[1, 6, 5\]"
    ):
        window.write(np.empty((1, 6, 5), np.int8))


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((10, 2), np.float32), r"found float32\[10, 2\]"),
        (np.zeros(10, np.int32), r"found int32\[10\]"),
        (np.array([0.0, np.nan], np.float32), "found NaN or infinity"),
    ],
)
def test_what_are_no_samples_is_refused(samples: npt.NDArray[Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        window_of(SMALL, "NTF").push(samples, 16000)


def test_the_rate_may_not_change_without_a_reset() -> None:
    window = window_of(SMALL, "NTF")
    list(window.push(noise(10), 16000))
    with pytest.raises(InputError, match=r"expected 16000 Hz as before, found 8000 Hz; reset\(\) first"):
        window.push(noise(10), 8000)


@pytest.mark.parametrize("rate", [0, -1, 10**9])
def test_a_rate_that_makes_no_sense_is_refused(rate: int) -> None:
    with pytest.raises(InputError, match="expected hertz"):
        window_of(SMALL, "NTF").push(noise(10), rate)


def test_a_short_clip_is_centred_in_silence() -> None:
    (tensor,) = window_of(WAVE, "NT", "float32").clip(noise(51), 16000)
    heard = tensor[0] * np.float32(0.5) + np.float32(0.1)
    np.testing.assert_allclose(heard[24:75], noise(51), atol=1e-7)  # one rounding there and one back
    np.testing.assert_allclose(np.delete(heard, range(24, 75)), 0.0, atol=1e-7)


def test_a_long_clip_has_a_window_each_ten_strides() -> None:
    samples = noise(1000)
    tensors = list(window_of(SMALL, "NTF").clip(samples, 16000))
    by_end = dict(streamed(window_of(SMALL, "NTF"), [samples]))
    assert len(tensors) == 3
    for tensor, end in zip(tensors, (104, 424, 744), strict=True):
        assert np.array_equal(tensor, by_end[end])


def test_an_empty_clip_is_one_window_of_silence() -> None:
    (tensor,) = window_of(SMALL, "NTF").clip(noise(0), 16000)
    assert np.array_equal(tensor, spec_of("NTF").quantize(np.full((1, 5, 6), np.log(1e-6))))


def test_a_clip_leaves_the_stream_alone() -> None:
    window, samples = window_of(SMALL, "NTF"), noise(400)
    list(window.push(samples[:250], 16000))
    list(window.clip(noise(300), 16000))
    rest = streamed(window, [samples[250:]])
    assert_same(rest, [w for w in streamed(window_of(SMALL, "NTF"), [samples]) if w[0] > 250])


@pytest.mark.parametrize("layout", ["NTF", "NT"])
def test_steady_state_allocates_nothing_the_size_of_a_tensor(layout: str) -> None:
    recipe = AudioRecipe(frames=400)
    shape: tuple[int, ...] = (1, 400, 40)
    if layout == "NT":
        recipe, shape = AudioRecipe(feature="waveform", samples=16000), (1, 16000)
    spec = TensorSpec("input", shape, "int8", 0.05, 0)
    window = compile_audio(InputCard(layout=layout, audio=recipe), spec)
    samples, out = noise(160), np.empty(shape, np.int8)
    list(window.push(noise(window.span), 16000))
    tracemalloc.start()
    for _ in range(300):
        for _ in window.push(samples, 16000):
            window.write(out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12000  # of 16,000 bytes in the tensor; numpy 1 allocates one spectrum of 4,112 bytes


def test_what_no_window_has_heard_is_one_window_more_that_ends_with_the_sound() -> None:
    window, sound = window_of(WAVE, "NT", "float32"), noise(171)
    ends = []
    for part in (sound[:99], sound[99:100], sound[100:101], sound[101:160], sound[160:]):
        list(window.push(part, 16000))
        ends.append(list(window.rest()))
    assert ends == [[], [], [101], [], [171]]  # windows end at 100, 130 and 160
    out = np.empty((1, 100), np.float32)
    window.write(out)
    assert out[0] == pytest.approx((sound[-100:] - 0.1) / 0.5, abs=1e-6)


def test_a_recording_to_the_end_has_one_window_more() -> None:
    window = window_of(WAVE, "NT", "float32")
    for length, count in ((60, 1), (100, 1), (101, 2), (130, 2), (171, 4)):
        found = list(window.clip(noise(length), 16000, 1, to_the_end=True))
        assert len(found) == count, length
        if length >= 100:
            assert found[-1][0] == pytest.approx((noise(length)[-100:] - 0.1) / 0.5, abs=1e-6)
