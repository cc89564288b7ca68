"""Speaks a text into a WAV file, sentence by sentence: `python examples/speak.py voice.zip "It is 7:30." -o out.wav`.

The voice is a bundle of the driver "voice" (docs/voices.md). How long the first sentence took is said at the end.
"""

from __future__ import annotations

import argparse
import time
import wave
from contextlib import closing

import numpy as np

import edgemm
from edgemm.media import Text
from edgemm.session import NO_CLOCK


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("voice", help="a bundle: a folder or a ZIP")
    parser.add_argument("text")
    parser.add_argument("-o", "--output", default="speech.wav")
    parser.add_argument("--speed", type=float, default=1.0, help="2 is twice as fast")
    given = parser.parse_args()

    options = {} if given.speed == 1 else {"speed": given.speed}
    spoken: list[edgemm.Audio] = []
    with edgemm.load(given.voice, **options) as voice, closing(voice.session()) as session:
        began_ns, first_ms = time.monotonic_ns(), 0.0
        for said in session.feed(Text(given.text, began_ns, 0), NO_CLOCK):
            assert isinstance(said.value, edgemm.Audio)
            first_ms = first_ms or (time.monotonic_ns() - began_ns) / 1e6
            spoken.append(said.value)
        took_s = (time.monotonic_ns() - began_ns) / 1e9
    samples = np.concatenate([each.samples for each in spoken])
    with wave.open(given.output, "wb") as file:
        file.setparams((1, 2, spoken[0].sample_rate, len(samples), "NONE", ""))
        file.writeframes(np.rint(samples * 32767).astype("<i2").tobytes())
    seconds = len(samples) / spoken[0].sample_rate
    print(
        f"{given.output}: {seconds:.2f} s of sound in {took_s:.2f} s, the first sentence after {first_ms:.0f} ms"
    )


if __name__ == "__main__":
    main()
