"""`edgemm run`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from edgemm.cli.output import emit_line

if TYPE_CHECKING:
    from edgemm.card import ModelCard
    from edgemm.stream.item import Item
    from edgemm.stream.stream import Stream

EPILOG = """\
sources: a picture, a folder, a glob in quotes, a video file, a .wav file
  edgemm run digits.tflite --source pictures/ --max-age 33
  edgemm run keywords.onnx --source speech.wav --live --json

One line per result, then one line with the summary. SIGTERM and Ctrl-C drain what is under way, print
the summary and exit 0.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `run`."""
    parser.epilog = EPILOG
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--source", required=True, metavar="URI", help="where pictures or sound come from")
    described = parser.add_mutually_exclusive_group()
    described.add_argument("--card", type=Path, metavar="CARD.json", help="instead of the file's own card")
    described.add_argument(
        "--preset", metavar="NAME", help="for a file without a card: microwakeword, imagenet ..."
    )
    parser.add_argument("--live", action="store_true", help="play a file in real time, as a device would")
    parser.add_argument("--max-age", type=float, metavar="MS", help="the age that a result may have")
    parser.add_argument("--on-late", choices=("deliver", "drop"), default="deliver")
    parser.add_argument("--policy", choices=("auto", "newest", "all"), default="auto")
    parser.add_argument("--delegate", default="auto", metavar="NAME", help="required when named")
    parser.add_argument(
        "--threads", type=int, default=1, metavar="N", help="threads of the runtime (default 1)"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="stop after N results")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs until the source ends, the limit is reached, or a signal asks to stop."""
    import edgemm

    budget = edgemm.Budget(options.max_age, options.policy, options.on_late)
    with (
        edgemm.load(
            options.file, delegate=options.delegate, threads=options.threads, card=_card(options)
        ) as model,
        edgemm.open_source(options.source, pace="live" if options.live else "file") as source,
        model.stream(source, budget=budget) as stream,
        _drains(stream),
    ):
        try:
            for item in stream:
                _show(item, as_json=options.json)
                if options.limit is not None and item.sequence + 1 >= options.limit:
                    break
        finally:
            stream.close()
            _summary(stream.ledger.summary(), as_json=options.json)
    return 0


def _card(options: argparse.Namespace) -> ModelCard | Path | None:
    """What `--card` or `--preset` names."""
    if options.preset is None:
        return options.card  # type: ignore[no-any-return]
    from edgemm.preprocess.presets import preset

    return preset(options.preset)


@contextmanager
def _drains(stream: Stream) -> Iterator[None]:
    """SIGTERM and SIGINT end the stream after the item under way instead of killing the process."""

    def ask(number: int, frame: FrameType | None) -> None:
        stream.stop()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def line(item: Item) -> dict[str, Any]:
    """One result with the keys that scripts rely on."""
    return {
        "sequence": item.sequence,
        "captured_ns": item.captured_ns,
        "age_ms": round(item.age_ms, 3),
        "late": item.late,
        "origin": item.frame.origin,
        "stages_ms": {name: round(ms, 4) for name, ms in item.stages_ms.items()},
        "result": item.value.to_json(),
    }


def _show(item: Item, *, as_json: bool) -> None:
    content = line(item)
    if as_json:
        emit_line(content)
        return
    answer = content["result"]
    if answer.get("detected") is False:
        return
    name = answer.get("label") or ", ".join(answer.get("labels", ())) or "result"
    late = "  LATE" if item.late else ""
    print(f"{item.sequence:6}  {item.age_ms:8.2f} ms  {name:16} {item.frame.origin}{late}", flush=True)


def _summary(summary: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit_line({"summary": summary})
        return
    parts = (f"{key} {value}" for key, value in summary.items() if key != "stages_ms")
    print("summary: " + ", ".join(parts), file=sys.stdout, flush=True)
