"""Runs one model on pictures or video, within a latency budget.

python examples/watch_pictures.py out/demo/digits.int8.tflite --source walk.mp4 --max-age 33
"""

from __future__ import annotations

import argparse

import edgemm
from edgemm import data


def main() -> None:
    """One line per result, then the account of every frame."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="an artifact that classifies pictures")
    parser.add_argument("--source", default=str(data.path("digits")), help="picture, folder, glob or video")
    parser.add_argument("--live", action="store_true", help="play it in real time, as a camera would")
    parser.add_argument("--max-age", type=float, default=33.0, metavar="MS", help="budget (default 33)")
    options = parser.parse_args()
    with (
        edgemm.load(options.model) as model,
        edgemm.open_source(options.source, pace="live" if options.live else "file") as source,
        model.stream(source, budget=edgemm.Budget(max_age_ms=options.max_age)) as stream,
    ):
        for item in stream:
            answer = item.value
            if isinstance(answer, edgemm.Classification):
                late = "  late" if item.late else ""
                print(f"{answer.label:12} {answer.score:6.1%}  {item.age_ms:6.2f} ms{late}")
        print(stream.ledger.summary())


if __name__ == "__main__":
    main()
