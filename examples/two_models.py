"""Two models in one process: pictures from a folder and words from a recording, JSON lines out.

    python examples/two_models.py out/demo/digits.int8.tflite out/demo/keywords.int8.tflite \
        --pictures photos/ --sound speech.wav
"""

from __future__ import annotations

import argparse
import json
import sys

import edgemm
from edgemm import data


def main() -> int:
    """Runs both until both sources end; one line per result, then the summaries."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture_model", help="an artifact that takes pictures")
    parser.add_argument("sound_model", help="an artifact that takes sound")
    parser.add_argument("--pictures", default=str(data.path("digits")), help="folder, picture or video")
    parser.add_argument(
        "--sound", default=f"{data.path('spoken_digits')}?pause_ms=600", help=".wav or folder"
    )
    options = parser.parse_args()
    with (
        edgemm.load(options.picture_model) as seeing,
        edgemm.load(options.sound_model) as hearing,
        edgemm.open_source(options.pictures) as pictures,
        edgemm.open_source(options.sound) as sound,
        edgemm.Runner() as runner,
    ):
        runner.add("seen", seeing, pictures, budget=edgemm.Budget(max_age_ms=33))
        runner.add("heard", hearing, sound, budget=edgemm.Budget(max_age_ms=20))
        for name, item in runner:
            if isinstance(item.value, edgemm.Keyword) and not item.value.detected:
                continue
            line = {"stream": name, "age_ms": round(item.age_ms, 3), "origin": item.frame.origin}
            print(json.dumps({**line, "result": item.value.to_json()}))
        print(json.dumps({"summary": runner.summary()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
