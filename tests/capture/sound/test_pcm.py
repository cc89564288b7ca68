"""Raw samples of a sound card."""

from __future__ import annotations

import numpy as np
import pytest

from edgemm.capture.sound.pcm import Pcm
from edgemm.recorder.options import Dtype

pytestmark = pytest.mark.device

STEREO = np.array([[-32768, 0], [16384, 32767]], np.int16)


@pytest.mark.parametrize(
    ("channel", "expected"), [(0, [-1, 0.5]), (1, [0, 32767 / 32768]), (None, [-0.5, 49151 / 65536])]
)
def test_channels_are_picked_or_mixed(channel: int | None, expected: list[float]) -> None:
    samples = Pcm("int16", 2, channel).mono(STEREO.tobytes())
    assert samples.dtype == np.float32
    assert samples.tolist() == expected


def test_every_int16_is_kept_to_the_bit() -> None:
    stored = np.arange(-32768, 32768).astype(np.int16)
    assert np.array_equal(Pcm("int16", 1).mono(stored.tobytes()) * 32768, stored)


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_array_is_the_callers_own(dtype: Dtype, channels: int) -> None:
    raw = bytes(16)
    samples = Pcm(dtype, channels).mono(raw)
    samples += 1
    assert samples.all()
    assert raw == bytes(16)


def test_what_is_no_number_is_silence() -> None:
    heard = np.array([np.nan, np.inf, -np.inf, 0.25], np.float32)
    assert Pcm("float32", 1).mono(heard.tobytes()).tolist() == [0, 0, 0, 0.25]
