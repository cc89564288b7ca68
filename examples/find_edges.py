"""Shows the edges in live pictures: filters alone, or in front of a model that sees what they make.

python examples/find_edges.py pictures/ --save edges
python examples/find_edges.py camera:0 --filter clahe --filter "canny?low=30&high=90" --show
python examples/find_edges.py pictures/ --filter median?size=3 --model digits.tflite
"""

from __future__ import annotations

import argparse

import edgemm
from edgemm.sinks import open_sinks


def main() -> None:
    """Filters what the source gives."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("source", help="pictures, a film or a camera")
    parser.add_argument("--filter", action="append", help="NAME?SETTING=VALUE; docs/filters.md has them")
    parser.add_argument("--model", help="sees the filtered pictures")
    parser.add_argument("--save", help="a film or a folder for the pictures with the results")
    parser.add_argument("--show", action="store_true", help="in a window")
    options = parser.parse_args()
    filters = edgemm.Filter(*(options.filter or ["gaussian?size=5", "canny?low=50&high=150"]))
    stage = filters.then(edgemm.load(options.model)) if options.model else filters
    with edgemm.open_source(options.source) as source, stage.stream(source) as stream:
        with open_sinks([options.save] if options.save else [], options.show, source=source) as sinks:
            for item in stream:
                if not source.live:
                    sinks.wait_for_room(5.0)
                sinks.put("", item)
                filtered_ms = sum(item.stages_ms[name] for name in filters.names)
                print(f"{item.frame.origin}: filtered in {filtered_ms:.2f} ms, {type(item.value).__name__}")
        print(stream.ledger.summary()["stages_ms"])
    stage.close()


if __name__ == "__main__":
    main()
