"""The options of `edgemm run`, and which of them go together."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edgemm.cli.parser import CommandParser, real, whole
from edgemm.cli.words import add_delegate, add_preset
from edgemm.errors import InputError
from edgemm.filters.table import FILTERS

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

_NOT_BESIDE_AN_APP: Mapping[str, Any] = {
    "source": None, "before": None, "enrolled": None,
    "card": None, "preset": None, "live": False, "max_age": None, "on_late": "deliver",
    "policy": "auto", "ahead": False, "delegate": "auto", "threads": 1, "record": None, "threshold": None,
    "classes": None, "max_detections": None, "set": [], "save": None, "overwrite": False, "filter": [], "then": None,
    "crop": None, "track": None, "follow": None, "then_card": None,
}  # fmt: skip
"""Options that an app file says itself -> their defaults."""


def _wrapped(names: Iterable[str]) -> str:
    """With commas between, in lines that fit a terminal."""
    return textwrap.fill(", ".join(names), 110, initial_indent="  ", subsequent_indent="  ")


def add_options(parser: CommandParser) -> None:
    """All of them."""
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
    _add_results(parser)
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


def _add_results(parser: CommandParser) -> None:
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
    parser.add_argument(
        "--ahead",
        action="store_true",
        help="pictures of files: read and decode the next one while the model runs. It takes a second core, and pays "
        "where both take about as long; of a small model results come no sooner, and older, since pictures wait for it",
    )


def require_fitting(options: argparse.Namespace, *, is_app: bool) -> None:
    """
    Raises:
        InputError: an option lacks what it needs, or stands beside what it may not.
    """
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
