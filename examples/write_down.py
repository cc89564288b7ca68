"""Writes down spoken digits while they are said: from a file, or from a microphone.

python examples/write_down.py --source string.wav
python examples/write_down.py --source microphone: --hot-words seven
"""

from __future__ import annotations

import argparse

import edgemm
from edgemm import data


def main() -> None:
    """One line for each partial and final result, with the times of the words."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?", default=str(data.path("models/digits_ctc.int8.tflite")))
    parser.add_argument(
        "--source", default=f"{data.path('spoken_digits')}?pause_ms=300", help=".wav, folder or microphone:"
    )
    parser.add_argument("--live", action="store_true", help="play a file in real time")
    parser.add_argument("--hot-words", default=(), help="words that are expected, with commas between")
    options = parser.parse_args()
    with (
        edgemm.load(options.model, hot_words=options.hot_words) as model,
        edgemm.open_source(options.source, pace="live" if options.live else "file") as source,
        model.stream(source) as stream,
    ):
        for item in stream:
            said = item.value
            assert isinstance(said, edgemm.Transcript)
            if not item.final:
                print(f"{said.end_s:7.2f} s  {said.text} ...")
                continue
            for word in said.words:
                print(f"{word.begin_s:7.2f} - {word.end_s:5.2f} s  {word.text:6} {word.confidence:.0%}")
        print(stream.ledger.summary())


if __name__ == "__main__":
    main()
