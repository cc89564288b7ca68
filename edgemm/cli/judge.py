"""`edgemm judge`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemm.cli.output import emit_json, table
from edgemm.cli.parser import CommandParser, whole
from edgemm.cli.words import add_preset
from edgemm.errors import EdgemmError, InputError

if TYPE_CHECKING:
    from edgemm.judge.choose import Choice, Constraint
    from edgemm.judge.judgement import Judging, Plan

EPILOG = """\
examples:
  edgemm judge digits.tflite digits.onnx --data pictures/ --report judged.html
  edgemm judge float.onnx int8.tflite --data photos/ --preset imagenet --choose "accuracy>=0.75, latency_ms<=20"
  edgemm judge detector.tflite --data coco/ --other street/ --samples 500 --rows rows.jsonl --jobs 4
  edgemm judge keywords.onnx --data words/ --write-card

Data: pictures or recordings in a folder for each class; COCO, YOLO, PASCAL VOC, masks; recordings with their texts; a
table of texts with labels or targets; an .npz of images and labels.

Five measures of each model, side by side: accuracy (the metric of its task, with an interval of 95 %), generalization
(other data, and the same data spoiled at five strengths), interpretability (whether maps of what an answer rests on
mean something), compute and storage on this machine. What the machine does not tell is "-", never 0.

--choose takes any of: accuracy (a share that should be high), the metric by its name (top_1, mAP50, word_error ...),
other, corrupted (the mean over all corruptions), latency_ms (the median), p90_ms, p99_ms, processor_ms, energy_mj,
macs, size_kb, compressed_kb, peak_mb. The best is the one with the best figure of its task among those that meet all
constraints; of equal ones the faster, then the smaller. Exit 3 where none meets them: the nearest is named, and what it
misses.

Ctrl-C ends it; with --rows what was done is kept, and the same command goes on from there.
"""


def add_arguments(parser: CommandParser) -> None:
    """The options of `judge`."""
    parser.epilog = EPILOG
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="models of one task: .tflite or .onnx files, or bundles"
    )
    parser.add_argument("--data", required=True, metavar="DATA", help="data that say what is right")
    parser.add_argument("--other", metavar="DATA", help="other data of the same kind, from another place")
    parser.add_argument(
        "--choose", metavar="CONSTRAINTS", help="name the best model under constraints: see below"
    )
    parser.add_argument("--report", metavar="PAGE.html", help="write the judgement as a page")
    parser.add_argument(
        "--write-card",
        action="store_true",
        help="write the figures into the card of each file, as `judgement`",
    )
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--card", metavar="CARD.json", help="the card of files that carry none")
    add_preset(given, "the card of files that carry none")
    for name, low, default, about in (
        ("--samples", 2, 1000, "use at most N samples of each data set"),
        ("--spoilt", 0, 200, "spoil at most N samples with each corruption; 0 for none"),
        ("--maps", 0, 16, "make maps of at most N samples; 0 for none"),
    ):
        parser.add_argument(
            name,
            type=whole(low, 1_000_000),
            default=default,
            metavar="N",
            help=f"{about} (default {default})",
        )
    parser.add_argument(
        "--runs", type=whole(0, 1_000_000), metavar="N",
        help="time N inferences (default 200, or 20 results of a bundle); 0 measures nothing on this machine",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=whole(0, 2**32 - 1), default=0, metavar="N", help="of all that is random (default 0)"
    )
    parser.add_argument(
        "--jobs", type=whole(1, 256), default=1, metavar="N", help="processes that answer (default 1)"
    )
    parser.add_argument(
        "--dask", default="", metavar="ADDRESS", help="let the workers of a Dask scheduler answer"
    )
    parser.add_argument(
        "--dask-limit", type=whole(1, 1_000_000), metavar="SECONDS",
        help="with --dask: a worker that takes longer for one piece of the work is stopped (default 3600)",
    )  # fmt: skip
    parser.add_argument("--rows", metavar="FILE.jsonl", help="keep what is done there, and go on from it")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Judges the models; exit 3 where constraints are given and none meets them."""
    from edgemm.judge.judgement import judge

    models, plan = _asked(options)
    if options.write_card:
        _require_cards(models)
    page = None if options.report is None else _page(options)
    bounds = _bounds(options, models)
    from edgemm.cli.progress import ProgressBar

    with ProgressBar(quiet=options.json) as progress:
        content = judge(models, plan, tell=progress, count_macs=count_macs)
        if page is not None:
            from edgemm.cli.judge_page import pictures_of

            shown = [
                pictures_of(each, plan, told) for each, told in zip(models, content["models"], strict=True)
            ]
    choice = _choice(content, bounds) if bounds else None
    if choice is not None:
        content["choice"] = _choice_json(choice, bounds, content)
    if page is not None:
        from edgemm.cli.judge_page import write_page

        write_page(page, content, shown)
    if options.write_card:
        _write_cards(models, content)
    if options.json:
        emit_json("edgemm.judge/1", _without_pictures(content))
    else:
        _print(content)
    return 0 if choice is None or choice.best is not None else 3


def _asked(options: argparse.Namespace) -> tuple[list[Judging], Plan]:
    from edgemm.judge.judgement import Judging, Plan
    from edgemm.judge.spread import LIMIT_S

    if len(set(options.files)) < len(options.files):
        raise InputError("expected each file once, found one twice")
    if options.dask and options.jobs > 1:
        raise InputError("--jobs: a cluster has workers of its own. Give --dask or --jobs")
    if options.dask_limit is not None and not options.dask:
        raise InputError("--dask-limit: expected --dask beside it, found none")
    if options.write_card and (options.card or options.preset):
        raise InputError(
            "--write-card: expected files that carry their cards. Write them first: edgemm card set FILE CARD.json"
        )
    plan = Plan(
        options.data, options.other, options.samples, options.spoilt, options.maps, options.runs, options.seed,
        options.jobs, options.dask, options.dask_limit or LIMIT_S,
        None if options.rows is None else Path(options.rows),
    )  # fmt: skip
    return [Judging(each, options.card or options.preset) for each in options.files], plan


def _page(options: argparse.Namespace) -> Path:
    """The page can be written: known before any work is done."""
    from edgemm import atomic

    page = Path(options.report)
    if not page.parent.is_dir():
        raise InputError(f"--report {page}: the folder {page.parent} does not exist")
    taken = [*options.files, options.data, *(each for each in (options.rows, options.card) if each)]
    if any(page.absolute() == Path(each).absolute() for each in taken):
        raise InputError(f"--report {page}: that is read here. Choose another name")
    atomic.check(page, "--report")
    return page


def _bounds(options: argparse.Namespace, models: list[Judging]) -> tuple[Constraint, ...]:
    """Constraints whose figures there will be, before any work is done."""
    if options.choose is None:
        return ()
    from edgemm.judge.choose import constraints
    from edgemm.judge.judgement import figure_names

    return constraints(options.choose, figure_names(models[0]))


def count_macs(path: str, card: str | None) -> int | None:
    """None where there is no converter, or it cannot read the file as one graph."""
    try:
        from edgemm.converters import macs

        return macs.count_macs(path, card)
    except (ImportError, EdgemmError):
        return None


def _choice(content: dict[str, Any], bounds: tuple[Constraint, ...]) -> Choice:
    from edgemm.judge.choose import choose, plain_name

    of_task = content["metric"]
    return choose(
        [each["figures"] for each in content["models"]],
        bounds,
        figure=plain_name(of_task["name"]),
        higher_is_better=of_task["higher_is_better"],
    )


def _choice_json(choice: Choice, bounds: tuple[Constraint, ...], content: dict[str, Any]) -> dict[str, Any]:
    files = [each["file"] for each in content["models"]]
    return {
        "constraints": [str(each) for each in bounds],
        "best": None if choice.best is None else files[choice.best],
        "nearest": files[choice.nearest],
        "missed": list(choice.missed),
        "rule": "the best figure of the task among those that meet all constraints; of equal ones the faster, then the "
        "smaller",
    }


def _require_cards(models: list[Judging]) -> None:
    """Each file has a card that can be written: known before any work is done."""
    from edgemm import atomic
    from edgemm.artifact import read_artifact
    from edgemm.artifact.bundle import is_bundle

    for each in models:
        if is_bundle(each.path):
            raise InputError(f"--write-card: {each.path} is a bundle, whose card is in its bundle.json")
        if read_artifact(each.path).card is None:
            raise InputError(f"--write-card: {each.path} carries no card. Write one: edgemm card set")
        atomic.check(each.path, "--write-card")


def _write_cards(models: list[Judging], content: dict[str, Any]) -> None:
    from edgemm.artifact import read_artifact, replace_card
    from edgemm.judge.kept import for_card

    for each, told in zip(models, content["models"], strict=True):
        card = read_artifact(each.path).card
        assert card is not None
        replace_card(each.path, card.with_(judgement=for_card(content, told)))


def _without_pictures(content: dict[str, Any]) -> dict[str, Any]:
    """The maps of samples are drawn on the page alone; those of mistakes stay."""
    models = []
    for each in content["models"]:
        maps = each["interpretability"]
        drawn = [{key: part for key, part in one.items() if key != "svg"} for one in maps["drawn"]]
        models.append({**each, "interpretability": {**maps, "drawn": drawn}})
    return {**content, "models": models}


def _print(content: dict[str, Any]) -> None:
    from edgemm.cli.judge_rows import chosen, left_out, side_by_side

    rows, header = side_by_side(content)
    print(table(rows, header))
    for line in (*left_out(content), *chosen(content)):
        print(line)
