"""A judgement as independent pieces of work: each is a dictionary of plain JSON and gives one, wherever it is done.

    pieces = answer_pieces(model_facts("digits.tflite"), data_facts("pictures/"), count=1000, seed=0)
    done = edgemm.judge.spread.spread(pieces, jobs=4)         which calls `run_piece` for each

A piece names a model, some of the samples of a data set, and what they are spoiled with. Its row has what each sample
adds to the figure (`edgemm.judge.tally`), and no figure of its own: figures and intervals are made of the rows of all
pieces in the order of the samples, so that they are the same however the work was divided. A row holds no times.

    {"what": "answers",
     "model": {"path": ..., "card": null or a preset or a path},
     "data": {"path": ..., "option": "--data", "limit": 1000},
     "files": {path: hash},                what is read, for `edgemm.judge.spread`
     "samples": [0, 64],                   of the chosen ones, from and up to
     "corruption": null or ["noise", 3],
     "seed": 0}
    ->
    {"answers": [{"counts": [...], "name": ..., "alone": ..., "answer": ..., "score": ..., "truth": ...}, ...]}

    {"what": "map", "model", "data", "files", "seed" as above, "sample": 12, "drawn": true}
    ->
    {"name": ..., "own": [deletion, insertion], "random": [deletion, insertion], "target": ..., "svg": ...}
    {"name": ..., "left_out": why}
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgemm.errors import InputError
from edgemm.judge.corruptions import spoil
from edgemm.judge.corruptions.truths import spoilt_truth
from edgemm.judge.samples import Facts, Sample, SampleData, facts_of, read_samples
from edgemm.judge.spread import file_hash
from edgemm.judge.tally import make_tally
from edgemm.media import AudioBlock, Frame
from edgemm.results import Classification, Keyword, Tags, Transcript, Written
from edgemm.signals import check

if TYPE_CHECKING:
    from edgemm import BundleModel, Model

Piece = Mapping[str, Any]
Row = dict[str, Any]

PER_PIECE = 64
"""Samples of one piece."""
DRAWN_MAPS = 4
"""Of each model."""
LOW_THRESHOLD = 0.05
"""Of a detector that is judged: the precision over all thresholds counts, not over that of its card."""
_KEPT = 2
"""Models, and data sets, that stay open in a process."""


def run_piece(piece: Piece) -> Row:
    """The row of one piece: the same for the same piece, on any machine with the same files and packages.

    Args:
        piece: as the functions of this module make them.

    Raises:
        InputError: there is no such kind of piece, or a sample cannot be read.
        EdgemmError: the model cannot be loaded or run.
    """
    what = piece.get("what")
    if what not in KINDS:
        raise InputError(f"piece: expected one of {', '.join(KINDS)}, found {what!r}")
    return KINDS[what](piece)


def model_facts(path: str | Path, card: str | None = None) -> dict[str, Any]:
    """A model, as pieces name it.

    Args:
        card: a preset, or the path of a card, for a file without one.
    """
    is_file = card is not None and Path(card).is_file()
    return {"path": str(Path(path).absolute()), "card": str(Path(str(card)).absolute()) if is_file else card}


def data_facts(path: str | Path, option: str = "--data", limit: int = 1000) -> dict[str, Any]:
    """A data set, as pieces name it.

    Args:
        option: what the path was given as, for messages.
        limit: at most so many samples, spread evenly over what is there.
    """
    return {"path": str(Path(path).absolute()), "option": option, "limit": limit}


def files_of(model: Mapping[str, Any], *data: Mapping[str, Any]) -> dict[str, str]:
    """Path -> hash of what pieces of a model and of data read.

    Raises:
        InputError: one cannot be read.
    """
    paths = [model["path"], *(each["path"] for each in data)]
    if model["card"] is not None and Path(model["card"]).is_file():
        paths.append(model["card"])
    return {path: file_hash(path) for path in paths}


def answer_pieces(
    model: Mapping[str, Any],
    data: Mapping[str, Any],
    count: int,
    seed: int,
    corruption: tuple[str, int] | None = None,
) -> list[dict[str, Any]]:
    """The pieces that answer to all samples of a data set once.

    Args:
        model, data: of `model_facts` and `data_facts`.
        count: of the samples that there are within the limit.
        corruption: kind and strength.
    """
    files = files_of(model, data)
    return [
        {
            "what": "answers",
            "model": dict(model),
            "data": dict(data),
            "files": files,
            "samples": [begin, min(begin + PER_PIECE, count)],
            "corruption": None if corruption is None else list(corruption),
            "seed": seed,
        }
        for begin in range(0, count, PER_PIECE)
    ]


def map_pieces(
    model: Mapping[str, Any], data: Mapping[str, Any], samples: Sequence[int], seed: int
) -> list[dict[str, Any]]:
    """The pieces that make the maps of some samples of a data set, the first ones drawn.

    Args:
        samples: their places in the data.
    """
    common = {"what": "map", "model": dict(model), "data": dict(data), "files": files_of(model, data)}
    return [
        {**common, "sample": sample, "seed": seed, "drawn": at < DRAWN_MAPS}
        for at, sample in enumerate(samples)
    ]


def _map(piece: Piece) -> Row:
    from edgemm.judge.maps import compare, explain, svg

    with open_judged(piece["model"]) as judged:
        data = open_data(piece["data"], judged.facts)
        sample = data.samples[piece["sample"]]
        given = sample.read()
        model: Any = judged.model
        try:
            found = explain(model, given, method="masks", seed=piece["seed"])
            own, random = compare(model, given, found, seed=piece["seed"])
        except InputError as error:
            return {"name": sample.name, "left_out": str(error)}
        row = {"name": sample.name, "target": found.target, "score": found.score}
        pairs = {"own": [own.deletion, own.insertion], "random": [random.deletion, random.insertion]}
        return {**row, **pairs, "svg": svg(found, given) if piece["drawn"] else None}


def _answers(piece: Piece) -> Row:
    with open_judged(piece["model"]) as judged:
        data = open_data(piece["data"], judged.facts)
        begin, end = piece["samples"]
        if not 0 <= begin <= end <= len(data.samples):
            raise InputError(f"piece: expected samples of 0 to {len(data.samples)}, found {begin} to {end}")
        spoilt = piece["corruption"]
        return {
            "answers": [
                judged.answer(data, at, None if spoilt is None else (spoilt[0], spoilt[1]), piece["seed"])
                for at in range(begin, end)
            ]
        }


KINDS: dict[str, Callable[[Piece], Row]] = {"answers": _answers, "map": _map}
"""What a piece asks for -> the function that gives its row."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A loaded model and what it is judged by."""

    model: Model | BundleModel
    facts: Facts

    def answer(self, data: SampleData, at: int, corruption: tuple[str, int] | None, seed: int) -> Row:
        """What sample `at` adds to the figure, and what was said to it."""
        check()
        sample = data.samples[at]
        given, truth = read_spoilt(sample, data.modality, corruption, [seed, at])
        tally = make_tally(self.facts.task)
        try:
            result = self.model(given)
            counts = tally.row(result, truth)
        except InputError as error:
            raise InputError(f"{sample.name}: {error}") from error
        if corruption is not None:
            return {"counts": counts}
        alone = tally.value([counts])
        return {
            "counts": counts,
            "name": sample.name,
            "alone": alone if np.isfinite(alone) else None,
            **_said(result, truth, data.labels),
        }


def read_spoilt(
    sample: Sample, modality: str, corruption: tuple[str, int] | None, seed: Sequence[int]
) -> tuple[Any, Any]:
    """What the model is called with, and what is right, both with the corruption."""
    given = sample.read()
    truth = sample.right(given)
    if corruption is None:
        return given, truth
    kind, strength = corruption
    if isinstance(given, Frame):
        height, width = given.pixels.shape[:2]
        pixels = spoil("image", kind, strength, given.pixels, seed)
        return replace(given, pixels=pixels), spoilt_truth(truth, kind, strength, seed, (width, height))
    if isinstance(given, AudioBlock):
        samples = spoil("audio", kind, strength, given.samples, seed, sample_rate=given.sample_rate)
        return replace(given, samples=samples), truth
    if isinstance(given, tuple):
        return tuple(spoil("text", kind, strength, each, [*seed, at]) for at, each in enumerate(given)), truth
    return spoil(modality, kind, strength, given, seed), truth


def _said(result: Any, truth: Any, labels: Sequence[str]) -> Row:
    """Answer, score and truth in words, where the task has some."""
    right = labels[truth] if isinstance(truth, int) and 0 <= truth < len(labels) else truth
    if isinstance(result, Keyword):
        return {
            "answer": result.label if result.detected else "",
            "score": result.score,
            "truth": right or "",
        }
    if isinstance(result, Classification | Tags):
        return {"answer": result.label, "score": result.score, "truth": _words(right)}
    if isinstance(result, Transcript | Written):
        return {"answer": result.text, "truth": _words(right)}
    return {}


def _words(truth: Any) -> str:
    return truth if isinstance(truth, str) else ", ".join(map(str, truth)) if _is_list(truth) else str(truth)


def _is_list(given: Any) -> bool:
    return isinstance(given, Sequence | frozenset | set)


_models: OrderedDict[str, Judged] = OrderedDict()
_data: OrderedDict[str, SampleData] = OrderedDict()


@contextmanager
def open_judged(facts: Mapping[str, Any]) -> Iterator[Judged]:
    """A model that pieces name. The last ones stay open in this process until `close_judged`.

    Raises:
        EdgemmError: it cannot be loaded, or its task has no metric.
    """
    key = _key(facts, facts["path"], facts["card"])
    if key not in _models:
        _models[key] = _load(facts["path"], facts["card"])
    _models.move_to_end(key)
    while len(_models) > _KEPT:
        _models.popitem(last=False)[1].model.close()
    yield _models[key]


def close_judged() -> None:
    """Closes what `run_piece` has kept open in this process. May be called twice."""
    while _models:
        _models.popitem()[1].model.close()
    _data.clear()


def _load(path: str, card: str | None) -> Judged:
    import edgemm

    given: dict[str, Any] = {} if card is None else {"card": card}
    model = edgemm.load(path, **given)
    try:
        facts = facts_of(model)
        options = _options(model, facts)
        if not options:
            return Judged(model, facts)
    except InputError as error:
        model.close()
        raise InputError(f"{path}: {error}") from error
    except BaseException:
        model.close()
        raise
    model.close()
    return Judged(edgemm.load(path, **given, **options), facts)


def _options(model: Model | BundleModel, facts: Facts) -> dict[str, Any]:
    """Of the task, where a figure over all answers needs more of them than a user is shown."""
    recipe: Any = model.card.recipe
    if facts.task == "detection" and getattr(recipe, "threshold", 0.0) > LOW_THRESHOLD:
        return {"threshold": LOW_THRESHOLD}
    if facts.task == "tagging" and "top_k" in recipe.OPTIONS and facts.labels:
        return {"top_k": len(facts.labels)}
    return {}


def open_data(facts: Mapping[str, Any], of: Facts) -> SampleData:
    """The samples of a data set that pieces name.

    Raises:
        InputError: they cannot be read.
    """
    key = _key({**facts, "of": repr(of)}, facts["path"])
    if key not in _data:
        _data[key] = read_samples(facts["path"], of, facts["option"], facts["limit"])
    _data.move_to_end(key)
    while len(_data) > _KEPT:
        _data.popitem(last=False)
    return _data[key]


def _key(facts: Mapping[str, Any], *paths: str | None) -> str:
    """Another one where a file was changed meanwhile."""
    hashes = [file_hash(path) for path in paths if path is not None and Path(path).exists()]
    return json.dumps([facts, hashes], sort_keys=True)
