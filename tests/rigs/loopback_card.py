"""The kernel's loopback sound card, `snd-aloop`: what is played into one of its devices is heard in the other.

    sudo modprobe snd-aloop pcm_substreams=1      or `scripts/devices`, which has it in an emulated machine

Played through ALSA itself, without a sound server between. To unplug it takes root.
"""

from __future__ import annotations

import ctypes
import os
import threading
from ctypes.util import find_library
from pathlib import Path

import numpy as np
import numpy.typing as npt

DRIVER = Path("/sys/bus/platform/drivers/snd_aloop")
_CARD = "snd_aloop.0"
_CARDS = Path("/proc/asound/cards")
_PLAYED = b"hw:CARD=Loopback,DEV=0"
HEARD = "Loopback: PCM (hw:0,1)"
_PLAYBACK, _S16_LE, _INTERLEAVED = 0, 2, 3
_BUFFER_US = 500_000


class LoopbackCard:
    """The card. What is played begins a moment after `play` is called."""

    def play(self, samples: npt.NDArray[np.int16], sample_rate: int) -> threading.Thread:
        """Plays in a thread of its own: one channel, to the bit.

        Half a second of silence follows, since at its end the driver hears silence in place of the last sound:
        64 of the last 384 samples.

        Raises:
            OSError: the card cannot be opened.
        """
        alsa = ctypes.CDLL("libasound.so.2")
        alsa.snd_pcm_writei.restype = ctypes.c_long
        device = ctypes.c_void_p()
        _must(alsa.snd_pcm_open(ctypes.byref(device), _PLAYED, _PLAYBACK, 0))
        _must(alsa.snd_pcm_set_params(device, _S16_LE, _INTERLEAVED, 1, sample_rate, 0, _BUFFER_US))

        def write() -> None:
            data, count = np.append(samples, np.zeros(sample_rate // 2, np.int16)), 0  # see the docstring
            while count < len(data):
                part = ctypes.c_void_p(data[count:].ctypes.data)
                written = alsa.snd_pcm_writei(device, part, ctypes.c_ulong(len(data) - count))
                if written < 0:  # unplugged, or too late: the listener will miss it
                    break
                count += written
            alsa.snd_pcm_drain(device)
            alsa.snd_pcm_close(device)

        player = threading.Thread(target=write, daemon=True)
        player.start()
        return player

    def unplug(self) -> None:
        """The card is gone at once; in a thread, since the driver may wait until nobody has it open."""
        threading.Thread(target=lambda: (DRIVER / "unbind").write_text(_CARD), daemon=True).start()

    def plug_in(self) -> None:
        """As it was at first."""
        if not (DRIVER / _CARD).exists():
            (DRIVER / "bind").write_text(_CARD)


def missing() -> str:
    """ "" where there is such a card and it may be unplugged, or what to do."""
    if not _CARDS.exists() or "Loopback" not in _CARDS.read_text():
        return "there is no loopback sound card: sudo modprobe snd-aloop pcm_substreams=1, or run scripts/devices"
    if find_library("portaudio") is None:
        return "PortAudio is missing: sudo apt install libportaudio2"
    return "" if os.access(DRIVER / "unbind", os.W_OK) else "sound cards are unplugged by root alone"


def _must(status: int) -> None:
    if status < 0:
        raise OSError(-status, f"ALSA: {os.strerror(-status)}")
