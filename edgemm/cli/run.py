"""`edgemm run`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemm import signals
from edgemm.cli.output import emit_line
from edgemm.errors import EdgemmError, InputError

if TYPE_CHECKING:
    from edgemm.card import ModelCard
    from edgemm.stream.item import Item

EPILOG = """\
sources: a picture, a folder, a glob in quotes, a video file, a .wav file; camera:0, /dev/video0, picamera2:,
  gst:PIPELINE, rtsp://, http:// (MJPEG), udp://; microphone:, microphone:NAME
  edgemm run digits.tflite --source pictures/ --max-age 33
  edgemm run keywords.onnx --source speech.wav --live --json
  edgemm run face.tflite --source "camera:0?size=1280x720&fps=30" --max-age 100 --on-late drop
  edgemm run app.json                                  # several models and sources: examples/kiosk

One line per result, then one line with the summary. SIGTERM and Ctrl-C drain what is under way, print
the summary and exit 0; so does SIGHUP where there is no record. With a record SIGHUP opens its file again,
as after logrotate. A second signal ends the program at once, with 128 + its number.
"""

_NOT_BESIDE_AN_APP: Mapping[str, Any] = {
    "source": None, "card": None, "preset": None, "live": False, "max_age": None, "on_late": "deliver",
    "policy": "auto", "delegate": "auto", "threads": 1, "record": None,
}  # fmt: skip
"""Options that an app file says itself -> their defaults."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `run`."""
    parser.epilog = EPILOG
    parser.add_argument("file", metavar="FILE", help="an artifact, or an app file (.json)")
    parser.add_argument("--source", metavar="URI", help="where pictures or sound come from")
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
    parser.add_argument(
        "--record", metavar="FILE", help="append every result to FILE, one JSON object a line"
    )
    parser.set_defaults(run=run, in_lines=True)


def run(options: argparse.Namespace) -> int:
    """Runs until the source ends, the limit is reached, or a signal asks to stop."""
    if options.limit is not None and options.limit < 1:
        raise InputError(f"--limit {options.limit}: expected 1 or more")
    is_app = options.file.lower().endswith(".json")
    if is_app:
        _refuse_beside_an_app(options)
    elif options.source is None:
        raise InputError(f"{options.file}: expected --source URI, where pictures or sound come from")
    with Draining(reopens=is_app or options.record is not None) as draining:
        return _run_app(options, draining) if is_app else _run_one(options, draining)
    return 0  # asked to end before it had begun


def _refuse_beside_an_app(options: argparse.Namespace) -> None:
    for name, plain in _NOT_BESIDE_AN_APP.items():
        if getattr(options, name) != plain:
            raise InputError(
                f"{options.file}: an app file says itself what --{name.replace('_', '-')} would. Expected only "
                "--limit and --json beside it"
            )


def _run_one(options: argparse.Namespace, draining: Draining) -> int:
    import edgemm
    from edgemm.app.notify import Notifier, Watchdog

    budget = edgemm.Budget(options.max_age, options.policy, options.on_late)
    with ExitStack() as opened:
        record = opened.enter_context(_record(options.record))
        signals.check()
        model = edgemm.load(
            options.file, delegate=options.delegate, threads=options.threads, card=_card(options)
        )
        opened.enter_context(model)
        signals.check()
        source = edgemm.open_source(options.source, pace="live" if options.live else "file")
        opened.enter_context(source)
        stream = opened.enter_context(model.stream(source, budget=budget))
        watchdog = opened.enter_context(Watchdog(lambda: {"stream": stream.ledger.progress()}, Notifier()))
        draining.by(watchdog.stopping, stream.stop)
        try:
            for item in stream:
                if record is not None:
                    if signals.hung_up():
                        record.reopen()
                    record.add(item.to_json())
                _show(item, as_json=options.json)
                if options.limit is not None and item.sequence + 1 >= options.limit:
                    break
        finally:
            stream.close()
            summary = stream.ledger.summary()
            _summary(summary | ({"record": record.summary()} if record else {}), as_json=options.json)
    return 0


def _run_app(options: argparse.Namespace, draining: Draining) -> int:
    from edgemm.app.recipe import read_app
    from edgemm.app.service import Service

    def show(name: str, item: Item) -> None:
        _show(item, as_json=options.json, stream=name)

    recipe = read_app(options.file)
    signals.reopen_on_hangup(bool(recipe.record))
    signals.check()
    with Service(recipe, hung_up=signals.hung_up) as service:
        draining.by(service.stop)
        try:
            service.run(show, limit=options.limit)
        finally:
            service.runner.close()
            content = service.summary()
            if options.json:
                emit_line({"summary": content})
            else:
                _show_summaries(content)
    if service.errors:
        raise service.errors[0]
    return 0


def _record(path: str | None) -> Any:
    from edgemm.app.record import Record

    return nullcontext() if path is None else Record(path)


class Draining:
    """Signals end the streams after the items under way instead of killing the process.

    Before there are streams they end the program as if it had nothing to do. See `edgemm.signals`.
    """

    def __init__(self, *, reopens: bool = False) -> None:
        """Args:
        reopens: SIGHUP opens records again, instead of asking to end.
        """
        self._reopens = reopens
        self._began = False

    def by(self, *stops: Callable[[], object]) -> None:
        """From now on these are called, in the signal handler.

        Raises:
            signals.Stopped: a signal came before.
        """
        signals.check()
        self._began = True
        signals.drain_by(stops)
        if signals.asked():  # in between
            for stop in stops:
                stop()

    def __enter__(self) -> Draining:
        self._before = signals.listen()
        signals.end_early_with(0)
        signals.reopen_on_hangup(self._reopens)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        ended_early = bool(signals.asked()) and not self._began
        if ended_early:
            signals.drain_by(())  # it has ended as it was asked to
        signals.restore(self._before)
        return kind is signals.Stopped or (ended_early and kind is not None and issubclass(kind, EdgemmError))


def _card(options: argparse.Namespace) -> ModelCard | Path | None:
    """What `--card` or `--preset` names."""
    if options.preset is None:
        return options.card  # type: ignore[no-any-return]
    from edgemm.preprocess.presets import preset

    return preset(options.preset)


def _show(item: Item, *, as_json: bool, stream: str = "") -> None:
    content = item.to_json()
    if as_json:
        emit_line({"stream": stream, **content} if stream else content)
        return
    answer = content["result"]
    if answer.get("detected") is False:
        return
    name = answer.get("label") or ", ".join(answer.get("labels", ())) or "result"
    late = "  LATE" if item.late else ""
    head = f"{stream:10}  " if stream else ""
    print(f"{head}{item.sequence:6}  {item.age_ms:8.2f} ms  {name:16} {item.frame.origin}{late}", flush=True)


def _show_summaries(content: Mapping[str, Any]) -> None:
    for name, summary in content["streams"].items():
        _summary(summary, as_json=False, stream=name)
    if "record" in content:
        print("record: " + ", ".join(f"{key} {value}" for key, value in content["record"].items()))


def _summary(summary: Mapping[str, Any], *, as_json: bool, stream: str = "") -> None:
    if as_json:
        emit_line({"summary": summary})
        return
    parts = (f"{key} {value}" for key, value in summary.items() if key != "stages_ms")
    head = f"summary of {stream}: " if stream else "summary: "
    print(head + ", ".join(parts), file=sys.stdout, flush=True)
