"""`edgemm enrol`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemm.cli.output import emit_json, table
from edgemm.cli.parser import CommandParser, real
from edgemm.cli.words import add_delegate, add_preset
from edgemm.errors import CardError, InputError, SourceError

if TYPE_CHECKING:
    import edgemm
    from edgemm.judge.speakers import FittedThreshold
    from edgemm.results import Embedding

SCHEMA = "edgemm.enrol/1"


def add_arguments(parser: CommandParser) -> None:
    """The options of `enrol`."""
    parser.epilog = """\
examples:
  edgemm enrol speaker.tflite anna=anna/ ben=ben/ -o voices.json --false-accepts 0.01 --others strangers/
  edgemm enrol speaker.tflite carla=carla.wav -o voices.json --add
  edgemm identify speaker.tflite door.wav --enrolled voices.json
  edgemm run speaker.tflite --source microphone: --enrolled voices.json

The model makes embeddings, of sound or of pictures. A folder holds recordings (.wav) or pictures of one person, or of
whatever else the model tells apart. The threshold is the lowest that accepts no more than the stated share of others,
as measured here: each recording is held out in turn and compared with the mean of the rest, and with the other names.
What is written stands for people's bodies: keep it as such."""
    parser.add_argument("file", metavar="MODEL", help="a model file that makes embeddings")
    parser.add_argument(
        "people",
        nargs="+",
        metavar="NAME=FOLDER",
        help="a name, and a folder of recordings or pictures, or one file",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        metavar="VOICES.json",
        help="the file to write; one of that name is replaced, unless --add is given",
    )
    parser.add_argument(
        "--add",
        action="store_true",
        help="add to those that are in the output already, and keep its threshold",
    )
    threshold = parser.add_mutually_exclusive_group()
    threshold.add_argument(
        "--false-accepts",
        type=real(0, 1),
        metavar="RATE",
        help="fit the threshold so that at most this share of others is accepted, such as 0.01; 0 for none of those "
        "that are measured. It takes at least 1 / RATE comparisons",
    )
    threshold.add_argument(
        "--threshold",
        type=real(-1, 1),
        metavar="X",
        help="the similarity from which on somebody is recognised",
    )
    parser.add_argument(
        "--others",
        metavar="FOLDER",
        help="with --false-accepts: recordings or pictures of people who are not enrolled",
    )
    add_model(parser)
    parser.set_defaults(run=run)


def add_model(parser: CommandParser) -> None:
    """What is told of the model besides its file."""
    described = parser.add_mutually_exclusive_group()
    described.add_argument(
        "--card", type=Path, metavar="CARD.json", help="use this card instead of the file's own"
    )
    add_preset(described, "for a file without a card, the card of a common kind of model")
    add_delegate(parser)


def opened(options: argparse.Namespace) -> Any:
    """The model, which makes embeddings of sound or pictures.

    Raises:
        InputError: it makes something else.
    """
    import edgemm
    from edgemm.card.presets import preset

    card = options.card if options.preset is None else preset(options.preset)
    model: Any = edgemm.load(options.file, delegate=options.delegate, threads=options.threads, card=card)
    modality = model.modality
    if model.card.task != "embedding" or modality not in ("audio", "image"):
        model.close()
        raise InputError(
            f"{options.file}: expected a model that makes embeddings of sound or pictures, found one for "
            f"{model.card.task} of {modality}"
        )
    return model


def embedded(model: Any, path: Path) -> Embedding:
    """Of a recording, or a picture.

    Raises:
        InputError: it cannot be read, or the model makes nothing of it; says which file.
    """
    from edgemm.model.bundle_goldens import read_item

    try:
        found: Embedding = model(read_item(path, model.modality))
    except (SourceError, InputError, CardError) as error:
        raise InputError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error
    return found


def files(given: str, modality: str) -> list[Path]:
    """The recordings or pictures of a folder, or a file by itself.

    Raises:
        InputError: there are none.
    """
    from edgemm.capture.files import pictures, recordings

    path = Path(given)
    suffixes = pictures.SUFFIXES if modality == "image" else recordings.SUFFIXES
    kind = "pictures" if modality == "image" else "recordings (.wav)"
    if path.is_file():
        return [path]
    found = (
        sorted(each for each in path.glob("*") if each.suffix.lower() in suffixes) if path.is_dir() else []
    )
    if not found:
        there = "none in it" if path.is_dir() else "nothing of that name"
        raise InputError(f"{given}: expected a folder of {kind}, found {there}")
    return found


def run(options: argparse.Namespace) -> int:
    """Enrols, fits the threshold, and writes the file."""
    import edgemm

    people = _people(options.people)
    _check(options)
    with opened(options) as model:
        found = {
            name: [embedded(model, each) for each in files(path, model.modality)]
            for name, path in people.items()
        }
        others = []
        if options.others is not None:
            others = [embedded(model, each) for each in files(options.others, model.modality)]
        sha256 = model.artifact.sha256()
    fitted = _fitted(options, found, others)
    if options.add:
        made = edgemm.Enrolled.load(options.output)
        made.require_model(sha256)
        if options.threshold is not None:
            made.threshold = options.threshold
    else:
        made = edgemm.Enrolled(options.threshold if fitted is None else fitted.threshold, sha256)
    for name, embeddings in found.items():
        made.enrol(name, embeddings)
    made.save(options.output)
    _tell(options, made, found, fitted)
    return 0


def _people(given: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in given:
        name, sign, path = each.partition("=")
        if not (sign and name.strip() and path):
            raise InputError(f"{each}: expected NAME=FOLDER, such as anna=recordings/anna")
        if name in found:
            raise InputError(f"{each}: expected each name once, found {name!r} twice")
        found[name] = path
    return found


def _check(options: argparse.Namespace) -> None:
    """Before any work is done.

    Raises:
        InputError: options do not go together, or the output cannot be written.
    """
    from edgemm import atomic

    if options.add and options.false_accepts is not None:
        raise InputError(
            "--false-accepts: expected no --add beside it, since a threshold is fitted to all that are enrolled; found "
            "both. Name them all, without --add"
        )
    if options.threshold is None and options.false_accepts is None and not options.add:
        raise InputError(
            "expected --false-accepts RATE, to which the threshold is fitted, or --threshold X; found neither"
        )
    if options.others is not None and options.false_accepts is None:
        raise InputError(
            "--others: expected --false-accepts beside it, whose threshold it is for, found none"
        )
    if not options.output.parent.is_dir():
        raise InputError(f"-o {options.output}: the folder {options.output.parent} does not exist")
    atomic.check(options.output)


def _fitted(
    options: argparse.Namespace, found: dict[str, list[Embedding]], others: Sequence[Embedding]
) -> FittedThreshold | None:
    """None where the threshold was given.

    Raises:
        InputError: there is too little to fit it to.
    """
    from edgemm.judge.speakers import enrolment_scores, fit_threshold

    if options.false_accepts is None:
        return None
    same, different = enrolment_scores(found, others)
    if not len(same) or not len(different):
        lacks = "a second recording or picture of a name" if not len(same) else "a second name, or --others"
        raise InputError(
            f"--false-accepts: expected something to compare, {lacks}; found none. --threshold X needs none"
        )
    try:
        return fit_threshold(same, different, options.false_accepts)
    except InputError as error:
        raise InputError(
            f"--false-accepts: {str(error).removeprefix('false accepts: ')}; --others has more"
        ) from error


def _tell(
    options: argparse.Namespace,
    made: edgemm.Enrolled,
    found: dict[str, list[Embedding]],
    fitted: FittedThreshold | None,
) -> None:
    from edgemm.judge.speakers import enrolment_scores

    counts = {name: len(embeddings) for name, embeddings in found.items()}
    if options.json:
        content = {"output": str(options.output), "threshold": made.threshold, "enrolled": counts}
        emit_json(SCHEMA, {**content, "fitted": None if fitted is None else fitted.to_json()})
        return
    rows = []
    for name, embeddings in found.items():
        least = min(enrolment_scores({name: embeddings})[0], default=math.nan)
        rows.append((name, str(counts[name]), "-" if math.isnan(least) else f"{least:.3f}"))
    print(table(rows, ("name", "of", "least similarity to the rest")))
    print(f"{options.output}: {len(made)} enrolled, threshold {made.threshold:.4f}")
    if fitted is not None:
        print(
            f"{fitted.false_accepts:.2%} of {fitted.different} others are accepted, {fitted.false_rejects:.2%} of "
            f"{fitted.same} of the same name rejected"
        )
