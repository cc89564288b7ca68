"""Writes numbers, times and dates as they are read out in English: 12/03/2024 7:30 (day first).

python examples/write_numbers.py "12/03/2024 7:30" 1,204.50 21st
echo 18:45 | python examples/write_numbers.py --source text:-
"""

from __future__ import annotations

import argparse

import edgemm
from edgemm import data


def main() -> None:
    """One line for each text."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("texts", nargs="*", help="such as 12/03/2024")
    parser.add_argument("--model", default=str(data.path("models/written_numbers.tflite.zip")))
    parser.add_argument("--source", help="text:FILE, or text:- for standard input: one on each line")
    parser.add_argument("--beams", type=int, default=1, help="texts that are followed at a time")
    options = parser.parse_args()
    if not (options.texts or options.source):
        parser.error("expected texts, --source, or both")
    with edgemm.load(options.model, beams=options.beams) as model:
        for text in options.texts:
            try:
                found = model(text)
            except edgemm.errors.InputError as error:
                raise SystemExit(f"{text}: {error}") from error
            assert isinstance(found, edgemm.Written)
            print(f"{text} = {found.text} ({found.score:.0%})")
        if options.source:
            with edgemm.open_source(options.source) as source, model.stream(source) as stream:
                for item in stream:
                    assert isinstance(item.value, edgemm.Written)
                    print(f"{item.value.text} ({item.age_ms:.0f} ms)")


if __name__ == "__main__":
    main()
