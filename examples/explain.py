"""Why a model answers as it does: the parts of a picture, or of a word that is heard, that its answer rests on.

    python examples/explain.py digits.int8.tflite 3.png -o why.svg
    python examples/explain.py                              # a bundled digit and the bundled network

Open the SVG in a browser. Red is what speaks for the answer, blue what speaks against it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import edgemm
from edgemm import data
from edgemm.errors import EdgemmError
from edgemm.judge.items import read_recording
from edgemm.judge.maps import compare, explain, svg
from edgemm.judge.samples import read_picture


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?", default=str(data.path("models/digits.onnx")))
    parser.add_argument(
        "file", nargs="?", default=str(data.path("digits/3/003.png")), help="picture or recording"
    )
    parser.add_argument("-o", "--output", default="why.svg")
    parser.add_argument("--method", choices=("occlusion", "masks"), default="masks")
    given = parser.parse_args()
    try:
        with edgemm.load(given.model) as model:
            file = Path(given.file)
            item = read_recording(file) if file.suffix.lower() == ".wav" else read_picture(file)
            found = explain(model, item, method=given.method)
            own, random = compare(model, item, found)
            Path(given.output).write_text(svg(found, item), encoding="utf-8")
    except EdgemmError as error:
        parser.exit(error.exit_code, f"{error}\n")
    print(f"{found.target!r} with {found.score:.2f}, asked {found.runs} times -> {given.output}")
    print(
        f"mean score while it is hidden: {own.deletion:.2f} by this map, {random.deletion:.2f} by random ones"
    )


if __name__ == "__main__":
    main()
