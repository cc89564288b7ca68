"""`edgemm run`."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemm import signals
from edgemm.cli.answer import answer, detected
from edgemm.cli.columns import printable
from edgemm.cli.output import emit_line
from edgemm.cli.parser import CommandParser, real, whole
from edgemm.cli.words import add_delegate, add_preset
from edgemm.errors import EdgemmError, InputError
from edgemm.filters.table import FILTERS
from edgemm.stream.account import in_words, record_in_words

if TYPE_CHECKING:
    from edgemm.capture.source import Source
    from edgemm.card import ModelCard
    from edgemm.stream.item import Item
    from edgemm.stream.stream import Stream

EPILOG = """\
examples:
  edgemm run digits.tflite --source pictures/ --max-age 33
  edgemm run keywords.onnx --source speech.wav --live --json
  edgemm run face.tflite --source "camera:0?size=1280x720&fps=30" --max-age 100 --on-late drop
  edgemm run face.tflite --source "camera:0?wait=1"    # a camera that may be plugged in later
  edgemm run face.tflite --source walk.mp4 --save out.mp4    # a film with what was found drawn in
  edgemm run larger.tflite --source photos/ --save larger/   # a model that makes pictures of pictures, in tiles
  edgemm run generator.tflite --source "seed:0..9?label=3" --save made/    # one of the label for each seed
  edgemm run sentiment.tflite --source text:-          # lines from standard input; text:FILE for those of a file
  edgemm run recognizer.zip --source microphone:       # several models that are one: docs/bundles.md
  edgemm run recognizer.tflite --source microphone: --before dtln.zip --json    # hears speech without the noise
  edgemm run face.tflite --source camera:0 --filter clahe --filter median?size=3    # what the model sees is filtered
  edgemm run --filter gaussian --filter "canny?low=50&high=150" --source walk.mp4 --save edges.webm
  edgemm run faces.tflite --then landmarks.tflite --crop "box?margin=1.5&square=true" --source camera:0 --show
  edgemm run app.json                                  # several models and sources: examples/kiosk

sources: a picture, a folder, a glob in quotes, a video file, a .wav file; camera:0, /dev/video0, picamera2:,
  gst:PIPELINE, rtsp://, http:// (MJPEG), udp://; microphone:, microphone:NAME; text:FILE, text:-;
  seed:7, seed:0..9, seed:0..9?label=NAME

--save writes .mp4 and .mkv (MPEG-4 Part 2, which VLC, mpv and ffmpeg play and browsers do not), .webm (VP8, which
  browsers play; slower), .avi (motion JPEG, large), or numbered .jpg pictures into a folder (.png where the result is a
  picture itself). A film is written as NAME.part.SUFFIX and renamed at the end; where power may fail choose .mkv, whose
  part can be played, an .mp4's cannot.
  Results that are sound go into a .wav file or, each by itself, into a folder; --save speaker: plays them. While it
  does, a microphone is not heard, unless it is declared echo-cancelled: microphone:?echo_cancelled=1

Filters, with settings behind a ? (docs/filters.md); without a FILE the filtered pictures are the results:
{filters}

--then has a second model look closer at each thing that the first finds; docs/chains.md tells of crops, of tracking and
  of app files with more models. --track follows things by the second model's points, so that the first can rest.

An app file (.json) names several models and sources: see examples/kiosk.

One line per result, then one line with the summary. SIGTERM and Ctrl-C finish the items in progress, print
the summary and exit 0; so does SIGHUP where there is no record. With a record SIGHUP opens its file again,
as after logrotate. A second signal ends the program at once, with 128 + its number.
"""

RUN_SCHEMA = "edgemm.run/1"
"""Of a line with a result."""
SUMMARY_SCHEMA = "edgemm.summary/1"
"""Of the last line."""

_NOT_BESIDE_AN_APP: Mapping[str, Any] = {
    "source": None, "before": None, "enrolled": None,
    "card": None, "preset": None, "live": False, "max_age": None, "on_late": "deliver",
    "policy": "auto", "delegate": "auto", "threads": 1, "record": None, "threshold": None, "classes": None,
    "max_detections": None, "set": [], "save": None, "overwrite": False, "filter": [], "then": None, "crop": None,
    "track": None, "follow": None, "then_card": None,
}  # fmt: skip
"""Options that an app file says itself -> their defaults."""


def _wrapped(names: Iterable[str]) -> str:
    """With commas between, in lines that fit a terminal."""
    return textwrap.fill(", ".join(names), 110, initial_indent="  ", subsequent_indent="  ")


def add_arguments(parser: CommandParser) -> None:
    """The options of `run`."""
    parser.epilog = EPILOG.replace("{filters}", _wrapped(FILTERS))
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        default="",
        help="a model file (.tflite, .onnx), a bundle (its .zip or folder), or an app file (.json)",
    )
    parser.add_argument(
        "--source", metavar="URI", help="where pictures, sound or text come from; required with a model file"
    )
    described = parser.add_mutually_exclusive_group()
    described.add_argument(
        "--card", type=Path, metavar="CARD.json", help="use this card instead of the file's own"
    )
    add_preset(described, "for a file without a card, the card of a common kind of model")
    _add_budget(parser)
    add_delegate(parser)
    parser.add_argument(
        "--before",
        metavar="BUNDLE",
        help="a stage of sound in front of the model, such as a bundle that removes noise: the model hears what it "
        "makes",
    )
    parser.add_argument(
        "--enrolled",
        type=Path,
        metavar="VOICES.json",
        help="of a model that makes embeddings: say whose they are, of those in this file (edgemm.Enrolled)",
    )
    parser.add_argument(
        "--filter",
        action="append",
        default=[],
        metavar="NAME?SETTING=VALUE",
        help="a filter in front of the model, such as canny?low=50&high=150; may be given several times, in order",
    )
    _add_then(parser)
    _add_options(parser)
    parser.add_argument("--limit", type=whole(1), metavar="N", help="stop after N results")
    parser.add_argument(
        "--record", metavar="FILE", help="append every result to FILE, one JSON object a line"
    )
    parser.add_argument(
        "--save",
        action="append",
        metavar="OUT.mp4|OUT.wav|DIR|speaker:",
        help="draw every result on its picture and save it: into a film (.mp4, .webm, .avi, .mkv) at the times of "
        "capture, or as numbered pictures into a folder; results that are sound go into a .wav file, into a folder of "
        "them, or are played: speaker:, speaker:NAME; may be given several times",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="with --save: replace a film of that name (default: it is an error; a folder gets more pictures)",
    )
    parser.add_argument(
        "--show",
        action="store_true",
        help="show every result on its picture in a window, one for each stream of an app file; Esc ends the program",
    )
    parser.set_defaults(run=run)


def _add_then(parser: CommandParser) -> None:
    parser.add_argument(
        "--then",
        metavar="MODEL",
        help="a second model, which looks closer at each thing that the first finds in a picture",
    )
    parser.add_argument(
        "--then-card",
        metavar="CARD.json|PRESET",
        help="the card of the second model, where its file has none",
    )
    parser.add_argument(
        "--crop",
        metavar="BY?KEY=VALUE",
        help='with --then: the part of the frame that it sees, such as "box?margin=1.5&square=true&at_most=2"; '
        "box (default), points or circle, with the keys of docs/chains.md",
    )
    parser.add_argument(
        "--track",
        metavar="BY?KEY=VALUE",
        help="with --then: follow each thing by the second model's points; this is the part of the next frame, such as "
        '"points?margin=1.5&square=true"',
    )
    parser.add_argument(
        "--follow",
        metavar="WORD",
        help="with --then, instead of --crop and --track, as MediaPipe does with its networks: faces, bodies or hands; "
        '"hands?at_most=2" for two',
    )


def _add_options(parser: CommandParser) -> None:
    parser.add_argument(
        "--threshold",
        type=real(0, 1),
        metavar="SCORE",
        help="smallest score of a result, instead of the card's",
    )
    parser.add_argument(
        "--classes", metavar="NAME,NAME", help="only these classes, of a model that finds several"
    )
    parser.add_argument("--max-detections", type=whole(1), metavar="N", help="at most N objects in a picture")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another option of the model's task, or of the bundle's driver, instead of the card's: docs/cards.md and "
        "docs/bundles.md list them; may be repeated",
    )


def _options(options: argparse.Namespace) -> dict[str, Any]:
    """Of the model's task."""
    from edgemm.card.options import from_words

    named = {name: getattr(options, name) for name in ("threshold", "classes", "max_detections")}
    given = {name: value for name, value in named.items() if value is not None}
    found = from_words(options.set)
    for name in given.keys() & found.keys():
        raise InputError(f"--{name.replace('_', '-')} and --set {name}: it is given twice. Give it once")
    return found | given


def _add_budget(parser: CommandParser) -> None:
    parser.add_argument(
        "--live", action="store_true", help="play a file in real time and drop what is late, as a camera does"
    )
    parser.add_argument(
        "--max-age",
        type=real(0.001, 1e9, "milliseconds"),
        metavar="MS",
        help="the age in milliseconds, counted from capture, above which a result is late (default: none)",
    )
    parser.add_argument(
        "--on-late",
        choices=("deliver", "drop"),
        default="deliver",
        help="what to do with a late result: deliver it marked as late (default), or drop and count it",
    )
    parser.add_argument(
        "--policy",
        choices=("auto", "newest", "all"),
        default="auto",
        help="what to run when frames come faster than the model: newest skips and counts the rest, all keeps the "
        "order (default auto: newest for live pictures, else all)",
    )


def run(options: argparse.Namespace) -> int:
    """Runs until the source ends, the limit is reached, or a signal asks to stop."""
    is_app = options.file.lower().endswith(".json")
    if is_app:
        _refuse_beside_an_app(options)
    elif not options.file:
        _require_filters_alone(options)
    if not is_app and options.source is None:
        raise InputError(
            f"{options.file or 'run'}: expected --source URI, where pictures, sound or text come from"
        )
    for name in ("then_card", "crop", "track", "follow"):
        if getattr(options, name) is not None and options.then is None:
            said = name.replace("_", "-")
            raise InputError(f"--{said}: expected --then MODEL beside it, a second model, found none")
    if options.overwrite and not options.save:
        raise InputError("--overwrite: expected --save OUT.mp4 beside it, whose film it replaces, found none")
    with Draining(reopens=is_app or options.record is not None) as draining:
        return _run_app(options, draining) if is_app else _run_one(options, draining)
    return 0  # asked to end before it had begun


def _refuse_beside_an_app(options: argparse.Namespace) -> None:
    for name, plain in _NOT_BESIDE_AN_APP.items():
        if getattr(options, name) != plain:
            raise InputError(
                f"{options.file}: an app file says itself what --{name.replace('_', '-')} would. Expected only "
                "--limit, --show and --json beside it"
            )


_OF_A_MODEL = (
    "before", "enrolled", "card", "preset", "delegate", "threads", "threshold", "classes", "max_detections", "set",
    "then",
)  # fmt: skip
"""Options that mean nothing without a model."""


def _require_filters_alone(options: argparse.Namespace) -> None:
    if not options.filter:
        raise InputError("expected FILE, a model, bundle or app file, or --filter NAME, found neither")
    for name in _OF_A_MODEL:
        if getattr(options, name) != _NOT_BESIDE_AN_APP[name]:
            raise InputError(f"--{name.replace('_', '-')}: expected FILE, a model, beside it, found none")


def _run_one(options: argparse.Namespace, draining: Draining) -> int:
    import edgemm
    from edgemm.app.notify import Notifier, Watchdog
    from edgemm.app.service import SINK_WAIT_S

    lines = Lines(as_json=options.json)
    budget = edgemm.Budget(options.max_age, options.policy, options.on_late)
    with ExitStack() as opened:
        record = opened.enter_context(_record(options))
        signals.check()
        filters = edgemm.Filter(*options.filter) if options.filter else None
        model: Any = filters
        if options.file:
            model = edgemm.load(
                options.file,
                delegate=options.delegate,
                threads=options.threads,
                card=_card(options),
                **_options(options),
            )
            opened.enter_context(model)
        signals.check()
        if options.then is not None:
            model = _then(model, options, opened)
            signals.check()
        if options.enrolled is not None:
            model = model.then(edgemm.Enrolled.load(options.enrolled))
        if options.before is not None:
            first = edgemm.load_bundle(options.before, delegate=options.delegate, threads=options.threads)
            with _saying(f"--before {options.before} with {options.file}"):
                model = opened.enter_context(first).then(model)
            signals.check()
        if filters is not None and options.file:
            with _saying(f"--filter with {options.file}"):
                model = filters.then(model)
        _require_sound(options, model)
        source = edgemm.open_source(options.source, pace="live" if options.live else "file")
        opened.enter_context(source)
        stream = opened.enter_context(model.stream(source, budget=budget))
        watchdog = Watchdog(
            lambda: {"stream": stream.ledger.progress()},
            Notifier(),
            lambda: ["stream"] if getattr(source, "awaited", False) else [],
        )
        sinks = opened.enter_context(_sinks(options, source, stream))
        opened.enter_context(watchdog)
        draining.by(watchdog.stopping, stream.stop)
        try:
            for item in stream:
                if record is not None:
                    if signals.hung_up():
                        record.reopen()
                    record.add(item.to_json())
                lines.result(item)
                if not source.live:  # a film of a file has all its pictures
                    sinks.wait_for_room(SINK_WAIT_S)
                sinks.put("", item)
                if options.limit is not None and item.sequence + 1 >= options.limit:
                    break
        finally:
            stream.close()
            try:
                sinks.close()
            finally:
                summary = stream.ledger.summary()
                more = {"record": record.summary()} if record else {}
                lines.summary(summary | more | ({"sinks": sinks.summary()} if sinks.sinks else {}))
    return 0


@contextmanager
def _saying(what: str) -> Iterator[None]:
    """What does not fit is said of these options, not of `then`."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{what}: {str(error).removeprefix('then: ')}") from error


def _then(model: Any, options: argparse.Namespace, opened: ExitStack) -> Any:
    """The model with the second one behind it."""
    import edgemm

    crop, track = _crop_and_track(options)
    second = edgemm.load(
        options.then, delegate=options.delegate, threads=options.threads, card=options.then_card
    )
    opened.enter_context(second)
    if not isinstance(model, edgemm.Model):
        raise InputError(
            f"--then {options.then}: expected a model of one file in front, found {options.file}"
        )
    with _saying(f"--then {options.then} behind {options.file}"):
        return model.then(crop, second, track=track)


def _crop_and_track(options: argparse.Namespace) -> tuple[Any, Any]:
    import edgemm
    from edgemm.chain.mediapipe import followed
    from edgemm.cli.crop_words import read_crop

    if options.follow is None:
        track = edgemm.Track(read_crop(options.track, "--track")) if options.track is not None else None
        return read_crop(options.crop or "box", "--crop"), track
    for name in ("crop", "track"):
        if getattr(options, name) is not None:
            raise InputError(f"--follow: expected no --{name} beside it, which it stands for, found one")
    try:
        return followed(options.follow)
    except InputError as error:
        said = str(error)
        raise InputError(
            f"--{said}" if said.startswith("follow") else f"--follow {options.follow}: {said}"
        ) from error


def _require_sound(options: argparse.Namespace, model: Any) -> None:
    """
    Raises:
        InputError: sound is to be saved or played of a model of ours whose results are none.
    """
    from edgemm.card.drivers import DRIVERS
    from edgemm.card.tasks import TASKS
    from edgemm.sinks.speaker_name import is_speaker
    from edgemm.sinks.wav import SUFFIX

    card: Any = getattr(model, "card", None)
    task = getattr(card, "task", "")
    if task == "audio" or not (task in TASKS or getattr(card, "driver", "") in DRIVERS):
        return
    for place in options.save or ():
        if is_speaker(place) or place.lower().endswith(SUFFIX):
            raise InputError(
                f"--save {place}: expected a model whose results are sound, found {options.file}, a model for {task}"
            )


def _run_app(options: argparse.Namespace, draining: Draining) -> int:
    from edgemm.app.recipe import read_app
    from edgemm.app.service import Service

    lines = Lines(as_json=options.json)
    recipe = read_app(options.file)
    signals.reopen_on_hangup(recipe.record is not None)
    signals.check()
    with Service(recipe, hung_up=signals.hung_up, show=options.show) as service:
        draining.by(service.stop)
        try:
            service.run(lambda name, item: lines.result(item, name), limit=options.limit)
        finally:
            service.runner.close()
            try:
                service.close_sinks()
            finally:
                lines.summary(service.summary())
    if service.errors:
        raise service.errors[0]
    return 0


def _sinks(options: argparse.Namespace, source: Source, stream: Stream) -> Any:
    """What `--save` and `--show` ask for."""
    from edgemm.sinks import open_sinks

    return open_sinks(
        options.save or (),
        options.show,
        source=source,
        existing="replace" if options.overwrite else "refuse",
        on_closed=stream.stop,
    )


def _record(options: argparse.Namespace) -> Any:
    from edgemm.sinks.record import Record

    return (
        nullcontext()
        if options.record is None
        else Record(options.record, app=Path(options.file).stem or "filters")
    )


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
    from edgemm.card.presets import preset

    return preset(options.preset)


class Lines:
    """Writes results as they come: JSON objects, or lines for people.

    For people, keyword results without a word have no line, and what was understood so far ends in "...".
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def result(self, item: Item, stream: str = "") -> None:
        """One result, of a stream with a name where there are several."""
        if self._as_json:
            named = {"stream": stream} if stream else {}
            emit_line({"schema": RUN_SCHEMA, **named, **item.to_json()})
        elif detected(item.value):
            self._print(item, stream)

    def summary(self, summary: Mapping[str, Any]) -> None:
        """The last line: the summary of the one stream, or of an app."""
        if self._as_json:
            emit_line({"schema": SUMMARY_SCHEMA, "summary": summary})
            return
        for name, each in summary.get("streams", {"": summary}).items():
            print(
                f"summary{' of ' if name else ''}{printable(name)}: {printable(in_words(each))}", flush=True
            )
        if "awaited" in summary:
            print(f"never there: the source of {', '.join(map(printable, summary['awaited']))}", flush=True)
        if "streams" in summary and "record" in summary:
            print(f"record: {printable(record_in_words(summary['record']))}", flush=True)

    def _print(self, item: Item, stream: str) -> None:
        head = f"{printable(stream):10}  " if stream else ""
        late = "  LATE" if item.late else ""
        origin = printable(str(item.frame.origin))
        print(
            f"{head}{item.sequence:6}  {item.age_ms:8.2f} ms  {answer(item.value):26} {origin}{late}",
            flush=True,
        )
