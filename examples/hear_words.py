"""Finds words in running sound.

python examples/hear_words.py out/demo/keywords.int8.onnx --source speech.wav --live
"""

from __future__ import annotations

import argparse

import edgemm
from edgemm import data


def main() -> None:
    """One line per word, then the account of every sample."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="an artifact that spots keywords")
    parser.add_argument(
        "--source", default=f"{data.path('spoken_digits')}?pause_ms=600", help=".wav or folder"
    )
    parser.add_argument("--live", action="store_true", help="play it in real time, as a microphone would")
    options = parser.parse_args()
    with (
        edgemm.load(options.model) as model,
        edgemm.open_source(options.source, pace="live" if options.live else "file") as source,
        model.stream(source, budget=edgemm.Budget(max_age_ms=20)) as stream,
    ):
        for item in stream:
            word = item.value
            if isinstance(word, edgemm.Keyword) and word.detected:
                print(f"{word.end_s:7.2f} s  {word.label:8} {word.score:.0%}  {item.frame.origin}")
        print(stream.ledger.summary())


if __name__ == "__main__":
    main()
