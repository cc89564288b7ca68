"""Several models judged side by side by five measures: accuracy, generalization, interpretability, compute, storage.

    content = judge([Judging("digits.tflite"), Judging("digits.onnx")], Plan("pictures/"), tell=print)

`pieces` makes the pieces of work, `edgemm.judge.spread` does them, `figures` makes figures of their rows. What is
measured on this machine, time and memory, is measured at the end, by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgemm.errors import InputError
from edgemm.judge.choose import plain_name
from edgemm.judge.compute import measure_compute, measure_memory, measure_storage, training_seconds
from edgemm.judge.corruptions import STRENGTHS, kinds
from edgemm.judge.figures import (
    WRITTEN,
    accuracy,
    known_or_none,
    maps_told,
    mistakes,
    mistakes_told,
    same_answers,
    value_of,
)
from edgemm.judge.metric import metric
from edgemm.judge.pieces import (
    Judged,
    Row,
    answer_pieces,
    close_judged,
    data_facts,
    map_pieces,
    model_facts,
    open_data,
    open_judged,
)
from edgemm.judge.samples import Facts, SampleData
from edgemm.judge.spread import LIMIT_S, Spread, spread
from edgemm.judge.tally import SHARES, make_tally
from edgemm.selection import spread as evenly

SAMPLES, SPOILT, MAPS = 1000, 200, 16
"""Of the data, of those that are spoiled, and of those that maps are made of, where nobody says how many."""
MISTAKES = 4
"""Most confident mistakes of each model that maps are drawn of."""
Tell = Callable[[str, int, int], None]
"""Called with a stage, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Judging:
    """A model that is judged."""

    path: str
    card: str | None = None
    """A preset, or the path of a card, for a file that carries none."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What models are judged on."""

    data: str
    other: str | None = None
    """A second data set."""
    samples: int = SAMPLES
    """At most so many of each data set."""
    spoilt: int = SPOILT
    """At most so many of `data` at each corruption; 0: no corruptions."""
    maps: int = MAPS
    """At most so many of `data`, and of the most confident mistakes so many, but 4 at most; 0: no maps."""
    runs: int | None = None
    """Inferences that are timed; None: 200, or 20 of a bundle; 0: nothing is measured on this machine."""
    seed: int = 0
    jobs: int = 1
    """Processes that answer."""
    dask: str = ""
    """Address of a scheduler whose workers answer instead."""
    limit_s: float = LIMIT_S
    """Seconds that a worker may take for one piece."""
    rows: Path | None = None
    """A file that what is done is kept in, and taken from."""


@dataclass(slots=True)
class _Work:
    """The pieces of one model, by what they are for."""

    model: dict[str, Any]
    facts: Facts
    modality: str
    history: tuple[Any, ...]
    labels: tuple[str, ...]
    data: dict[str, Any] = field(default_factory=dict)
    pieces: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def judge(
    models: Sequence[Judging],
    plan: Plan,
    *,
    tell: Tell = lambda *_: None,
    count_macs: Callable[[str, str | None], int | None] | None = None,
) -> dict[str, Any]:
    """Judges all models.

    Args:
        count_macs: multiply-accumulates of (path, card); None where they cannot be counted. It is given by whoever has
            the converter, which a device has not.

    Returns:
        Plain JSON values: `metric` (name, unit, higher_is_better), `data`, and `models`, each with `accuracy`,
        `generalization`, `interpretability` (`mistakes` has the maps of the most confident ones as SVG), `compute`,
        `storage` and `figures`, those that constraints name.

    Raises:
        InputError: no models, models of several tasks, or data that do not fit or do not say what is right.
        EdgemmError: a model cannot be loaded or run.
    """
    if not models:
        raise InputError("expected at least one model, found none")
    try:
        _require_one_task(models)
        works = [_planned(each, plan) for each in models]
        _done(works, plan, tell)
        _plan_mistakes(works, plan)
        _done(works, plan, tell, ("mistakes",))
    finally:
        close_judged()
    of_task = metric(works[0].facts.task)
    told_models: list[dict[str, Any]] = []
    for at, (each, work) in enumerate(zip(models, works, strict=True)):
        tell("measuring", at, len(models))
        measured = _measured(each, work, plan, count_macs)
        told = _told(each, work, plan, measured)
        told["accuracy"]["same_as_first"] = same_answers(
            _answers(works[0], "accuracy"), _answers(work, "accuracy")
        )
        told_models.append(told)
    tell("measuring", len(models), len(models))
    return {
        "task": works[0].facts.task,
        "metric": {
            "name": of_task.name,
            "unit": of_task.unit,
            "higher_is_better": of_task.higher_is_better,
        },
        "data": plan.data,
        "other": plan.other,
        "seed": plan.seed,
        "models": told_models,
    }


def _require_one_task(models: Sequence[Judging]) -> None:
    """Known before any data are read.

    Raises:
        InputError: there are several.
    """
    tasks = []
    for each in models:
        with open_judged(model_facts(each.path, each.card)) as judged:
            tasks.append(judged.facts.task)
    if len(set(tasks)) > 1:
        told = ", ".join(f"{each.path} ({task})" for each, task in zip(models, tasks, strict=True))
        raise InputError(f"expected models of one task, found {told}. Judge them apart")


def _planned(judging: Judging, plan: Plan) -> _Work:
    model = model_facts(judging.path, judging.card)
    data = data_facts(plan.data, "--data", plan.samples)
    with open_judged(model) as judged:
        samples = open_data(data, judged.facts)
        card: Any = judged.model.card
        work = _Work(model, judged.facts, samples.modality, getattr(card, "history", ()), samples.labels)
        count, seed = len(samples.samples), plan.seed
        work.data = data
        work.pieces["accuracy"] = answer_pieces(model, data, count, seed)
        if plan.other is not None:
            other = data_facts(plan.other, "--other", plan.samples)
            there = len(open_data(other, judged.facts).samples)
            work.pieces["other"] = answer_pieces(model, other, there, seed)
        if plan.spoilt:
            _plan_corruptions(work, plan, count)
        if plan.maps:
            chosen = evenly(range(count), plan.maps)
            work.pieces["maps"] = map_pieces(model, data, chosen, seed)
    return work


def _plan_corruptions(work: _Work, plan: Plan, count: int) -> None:
    there = kinds(work.modality, work.facts.task)
    work.left_out = there.left_out
    if work.modality == "tensor":
        work.left_out = {"all": "the data are tensors that are prepared already: what they were is not known"}
    few = min(count, plan.spoilt)
    data = data_facts(plan.data, "--data", few)
    if there.used:
        work.pieces["corruption 0"] = answer_pieces(work.model, data, few, plan.seed)
    for kind in there.used:
        for strength in STRENGTHS:
            pieces = answer_pieces(work.model, data, few, plan.seed, (kind, strength))
            work.pieces[f"corruption {kind} {strength}"] = pieces


def _plan_mistakes(works: Sequence[_Work], plan: Plan) -> None:
    """Maps of the most confident mistakes, which are known once all has been answered."""
    for work in works:
        if work.facts.task in SHARES:
            wrong = [each["sample"] for each in mistakes(_answers(work, "accuracy"))]
            chosen = wrong[: min(plan.maps, MISTAKES)]
            work.pieces["mistakes"] = map_pieces(work.model, work.data, chosen, plan.seed)


def _done(works: Sequence[_Work], plan: Plan, tell: Tell, names: Collection[str] = ()) -> None:
    """Does all pieces, or those of these names, and gives each work its rows."""
    asked = [(work, name) for work in works for name in work.pieces if not names or name in names]
    pieces = [piece for work, name in asked for piece in work.pieces[name]]
    if not pieces:
        return

    def on_row(done: int, total: int) -> None:
        tell("mistakes" if names else "answering", done, total)

    found: Spread = spread(
        pieces, jobs=plan.jobs, dask=plan.dask, rows=plan.rows, limit_s=plan.limit_s, on_row=on_row
    )
    reasons = {id(each.piece): each.reason for each in found.failures}
    rows = iter(zip(pieces, found.rows, strict=True))
    for work, name in asked:
        pairs = [next(rows) for _ in work.pieces[name]]
        work.rows[name] = [row for _, row in pairs if row is not None]
        if len(work.rows[name]) < len(pairs):
            work.failed[name] = next(
                (reasons[id(piece)] for piece, row in pairs if row is None and id(piece) in reasons),
                found.failures[0].reason if found.failures else "",
            )
    for work in works:
        if "accuracy" in work.failed:
            raise InputError(work.failed["accuracy"])


def _told(judging: Judging, work: _Work, plan: Plan, measured: dict[str, Any]) -> dict[str, Any]:
    of_task = metric(work.facts.task)
    told = {
        "file": judging.path,
        "accuracy": accuracy(work.facts.task, _answers(work, "accuracy"), plan.seed, work.labels),
        "generalization": _generalization(work, plan),
        "interpretability": maps_told(work.rows.get("maps", []), work.failed.get("maps"))
        | {"mistakes": mistakes_told(_answers(work, "accuracy"), work.rows.get("mistakes", []))},
        **measured,
    }
    return {
        **told,
        "figures": figures_of(told, of_task.name, of_task.unit, higher_is_better=of_task.higher_is_better),
    }


def _generalization(work: _Work, plan: Plan) -> dict[str, Any]:
    tally, seed = make_tally(work.facts.task), plan.seed
    other = None
    if "other" in work.failed:
        other = {"value": None, "why": work.failed["other"]}
    elif "other" in work.rows:
        other = accuracy(work.facts.task, _answers(work, "other"), seed, work.labels)
    curves: dict[str, list[float | None]] = {}
    left_out = dict(work.left_out)
    clean = value_of(tally, _answers(work, "corruption 0")) if "corruption 0" in work.rows else None
    for name in work.rows:
        _, _, kind = name.rpartition(" ")[0].partition(" ")
        if not name.startswith("corruption ") or not kind:
            continue
        if name in work.failed:
            left_out[kind] = work.failed[name]
            continue
        curves.setdefault(kind, [clean]).append(value_of(tally, _answers(work, name)))
    curves = {kind: values for kind, values in curves.items() if kind not in left_out}
    known = [each for values in curves.values() for each in values[1:] if each is not None]
    return {
        "other": other,
        "samples": len(_answers(work, "corruption 0")) if "corruption 0" in work.rows else 0,
        "corruptions": curves,
        "left_out": left_out,
        "mean": sum(known) / len(known) if known else None,
    }


def _answers(work: _Work, name: str) -> list[Row]:
    return [answer for row in work.rows.get(name, []) for answer in row["answers"]]


def _measured(
    judging: Judging,
    work: _Work,
    plan: Plan,
    count_macs: Callable[[str, str | None], int | None] | None,
) -> dict[str, Any]:
    """What it costs here, one after the other."""
    storage: dict[str, Any] = measure_storage(judging.path)
    compute: dict[str, Any] = {"macs": None if count_macs is None else count_macs(judging.path, judging.card)}
    if plan.runs != 0:
        compute |= measure_compute(judging.path, judging.card, plan.runs)
        storage |= measure_memory(judging.path, judging.card)
    compute["training_s"] = training_seconds(work.history)
    return {"compute": compute, "storage": storage}


FIGURES = (
    "other", "corrupted", "latency_ms", "p90_ms", "p99_ms", "processor_ms", "energy_mj", "macs", "size_kb",
    "compressed_kb", "peak_mb",
)  # fmt: skip
"""Names of the figures that every model has, beside that of its task."""


def figure_names(judging: Judging) -> tuple[str, ...]:
    """Those that constraints on a model may name.

    Raises:
        EdgemmError: it cannot be loaded, or its task has no metric.
    """
    with open_judged(model_facts(judging.path, judging.card)) as judged:
        of_task = metric(judged.facts.task)
        written = ("exact",) if judged.facts.task in WRITTEN else ()
    own = _of_task(of_task.name, of_task.unit, higher_is_better=of_task.higher_is_better)
    return (*own, *written, *FIGURES)


def _of_task(name: str, unit: str, *, higher_is_better: bool) -> tuple[str, ...]:
    """The metric's own name; "accuracy" too where it is a share that should be high."""
    own = plain_name(name)
    alike = unit == "share" and higher_is_better and own != "accuracy"
    return (own, "accuracy") if alike else (own,)


@contextmanager
def opened(judging: Judging, plan: Plan) -> Iterator[tuple[Judged, SampleData]]:
    """A model as it is judged, and the data that it is judged on."""
    try:
        with open_judged(model_facts(judging.path, judging.card)) as judged:
            yield judged, open_data(data_facts(plan.data, "--data", plan.samples), judged.facts)
    finally:
        close_judged()


def figures_of(
    told: Mapping[str, Any], name: str, unit: str, *, higher_is_better: bool
) -> dict[str, float | None]:
    """The figures of one model that constraints may name."""
    value, other = told["accuracy"]["value"], told["generalization"]["other"]
    compute, storage = told["compute"], told["storage"]
    found = dict.fromkeys(_of_task(name, unit, higher_is_better=higher_is_better), value)
    if told["accuracy"]["exact"] is not None:
        found["exact"] = told["accuracy"]["exact"]
    found |= {
        "other": None if other is None else other["value"],
        "corrupted": told["generalization"]["mean"],
        "latency_ms": compute.get("p50_ms"),
        "p90_ms": compute.get("p90_ms"),
        "p99_ms": compute.get("p99_ms"),
        "processor_ms": compute.get("processor_ms"),
        "energy_mj": compute.get("energy_mj"),
        "macs": compute.get("macs"),
        "size_kb": storage["file_bytes"] / 1000,
        "compressed_kb": storage["compressed_bytes"] / 1000,
        "peak_mb": storage.get("peak_mb"),
    }
    return {key: known_or_none(each) for key, each in found.items()}
