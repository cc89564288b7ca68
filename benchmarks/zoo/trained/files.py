"""One network: four files written, each run in its own runtime on held-out data, and compared with the source."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import instruction_set
from benchmarks.zoo.trained.forms import timed, weighed
from benchmarks.zoo.trained.network import Array, Data, Network, Run, lost, points
from benchmarks.zoo.trained.runtimes import opened, source_run
from benchmarks.zoo.trained.table import FORMATS, MOST_LOST

SCHEMES = ("float", "auto")
COMPARED = 16
"""Samples that the decibels are taken on."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """What the files of a network are compared with."""

    network: Network
    data: Data
    paths: list[Path]
    sources: list[Run]
    truth: list[list[list[Array]]]
    """By source, sample, output."""
    value: float
    """The source's own measure."""


def measure(network: Network, root: Path, out: Path) -> dict[str, Any]:
    """The row."""
    data = network.data(root)
    paths = [root / each for each in network.sources]
    sources = [source_run(path) for path in paths]
    truth = [
        [run(each) for each in held[:COMPARED]] for run, held in zip(sources, data.held_out, strict=True)
    ]
    bench = _Bench(network, data, paths, sources, truth, round(data.judge(sources, sources), 4))
    row: dict[str, Any] = {"name": network.name, "measure": network.measure, "unit": network.unit}
    row |= {"source_kB": _kilobytes(paths), "source": bench.value, "instructions": instruction_set()}
    for suffix in FORMATS:
        for scheme in SCHEMES:
            row[f"{suffix} {scheme}"] = _form(bench, out, suffix, scheme)
    return row


def _form(bench: _Bench, out: Path, suffix: str, scheme: str) -> dict[str, Any]:
    from edgemm.errors import EdgemmError

    begin, clock = time.perf_counter(), _Clock()
    try:
        made = _all(bench, out, suffix, scheme, clock)
    except EdgemmError as error:
        return {"error": " ".join(str(error).split())[:200]}
    cell: dict[str, Any] = {
        "seconds": round(time.perf_counter() - begin, 1),
        "repair_seconds": round(clock.repair_s, 1),
    }
    cell |= _made(made)
    with ExitStack() as stack:
        runs = [
            stack.enter_context(opened(one.output, true[0]))
            for one, true in zip(made, bench.truth, strict=True)
        ]
        found = [
            [run(each) for each in held[:COMPARED]]
            for run, held in zip(runs, bench.data.held_out, strict=True)
        ]
        cell |= compared(found, bench.truth)
        cell["value"] = round(bench.data.judge(runs, bench.sources), 4)
        cell["besides"] = {
            what: round(judge(runs, bench.sources), 4) for what, judge in bench.data.besides.items()
        }
    cell["lost"] = round(lost(bench.network, cell["value"], bench.value), 4)
    cell["points"] = round(points(bench.network, cell["value"], bench.value), 2)
    if scheme == "auto" and bench.network.weighed:
        cell["forms"] = _forms(bench, out, suffix, made)
    if scheme == "auto" and cell["lost"] > MOST_LOST:
        cell |= _worst_layer(_all(bench, out, suffix, scheme, clock, explain=True))
    return cell


def _all(
    bench: _Bench,
    out: Path,
    suffix: str,
    scheme: str,
    clock: _Clock,
    **how: Any,
) -> list[Any]:
    """The files of one scheme, in the order of their sources; `how` as of `_convert`."""
    pairs = enumerate(zip(bench.paths, bench.data.calibrate, strict=True))
    return [
        _convert(bench, source, _path(bench, out, suffix, scheme, at), scheme, samples, clock, **how)
        for at, (source, samples) in pairs
    ]


def _path(bench: _Bench, out: Path, suffix: str, scheme: str, at: int) -> Path:
    return out / f"{bench.network.name}.{at}.{scheme}.{suffix}"


def _forms(bench: _Bench, out: Path, suffix: str, made: list[Any]) -> dict[str, dict[str, Any]]:
    """What was weighed: the file that was taken, and the other forms as they are without a repair."""
    from edgemm.errors import EdgemmError

    forms = weighed(made)
    files: dict[str, list[Path]] = {}
    chosen = "+".join(dict.fromkeys(each.scheme for each in made))
    for form, told in forms.items():
        scheme = {chosen: "auto", "float": "float"}.get(form, form)
        try:
            if scheme == form != "float":
                _all(bench, out, suffix, form, _Clock(), as_it_is=True)
        except EdgemmError as error:
            told["error"] = " ".join(str(error).split())[:200]
            continue
        files[form] = [_path(bench, out, suffix, scheme, at) for at in range(len(bench.paths))]
        with ExitStack() as stack:
            opened_files = zip(files[form], bench.truth, strict=True)
            runs = [stack.enter_context(opened(path, true[0])) for path, true in opened_files]
            told["value"] = round(bench.data.judge(runs, bench.sources), 4)
        told["points"] = round(points(bench.network, told["value"], bench.value), 2)
    times = timed(files, [held[0] for held in bench.data.held_out])
    for form, seconds in times.items():
        forms[form]["us"] = round(seconds * 1e6, 1)
    return forms


def _made(made: list[Any]) -> dict[str, Any]:
    return {
        "kB": _kilobytes([each.output for each in made]),
        "scheme": "+".join(dict.fromkeys(each.scheme for each in made)),
        "missed": [each for one in made for each in one.fidelity.missed],
        "repairs": sum(note.startswith("repaired: ") for one in made for note in one.notes),
        "float_layers": sum(len(one.repaired_layers) for one in made),
    }


def _worst_layer(made: list[Any]) -> dict[str, str]:
    """As the converter's own explanation ranks them."""
    worst = [one.diagnosis.layers[0] for one in made if one.diagnosis and one.diagnosis.layers]
    if not worst:
        return {}
    layer = min(worst, key=lambda each: each.snr_db)
    return {"layer": f"{layer.node} ({layer.operator}, {layer.snr_db:.1f} dB alone)"}


class _Clock:
    """Seconds of repair, by the converter's own reports of its stages."""

    def __init__(self) -> None:
        self.repair_s = 0.0
        self._began: float | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Takes a report."""
        if stage.startswith("repairing"):
            self._began = self._began or time.perf_counter()
        elif stage in ("looking for the losses", "writing") and self._began is not None:
            self.repair_s += time.perf_counter() - self._began
            self._began = None


def _convert(
    bench: _Bench,
    source: Path,
    output: Path,
    scheme: str,
    samples: list[Any],
    clock: _Clock,
    *,
    as_it_is: bool = False,
    explain: bool = False,
) -> Any:
    """
    Args:
        as_it_is: whatever the form loses, and without a repair.
    """
    from edgemm.card import ModelCard
    from edgemm.converters import convert

    network = bench.network
    evaluate = None if bench.data.evaluate is None else bench.data.evaluate(output)
    card = ModelCard.from_json(json.dumps(network.card)) if network.card else None
    return convert(
        source, output=output, scheme=scheme, calibrate=None if scheme == "float" else samples,  # type: ignore[arg-type]
        evaluate=evaluate, gate="off" if as_it_is else "warn", repair="off" if as_it_is else "auto",
        shapes=network.shapes, explain=explain, keep_outputs=True, progress=clock, card=card,
    )  # fmt: skip


def compared(
    found: Sequence[Sequence[list[Array]]], truth: Sequence[Sequence[list[Array]]]
) -> dict[str, float]:
    """Decibels of the worst output over all samples, and the largest error as a share of that output's range."""
    decibels, worst = [], []
    for ours, theirs in zip(found, truth, strict=True):
        for at in range(len(theirs[0])):
            one = np.stack([each[at] for each in ours]).astype(np.float64)
            true = np.stack([each[at] for each in theirs]).astype(np.float64)
            noise, signal = np.square(one - true).sum(), np.square(true).sum()
            if signal:
                decibels.append(10 * np.log10(signal / max(noise, signal * 1e-20)))
                worst.append(np.abs(one - true).max() / max(np.ptp(true), 1e-30))
    return {"dB": round(float(min(decibels)), 1), "worst": float(f"{max(worst):.2g}")}


def _kilobytes(paths: list[Path]) -> int:
    return round(sum(path.stat().st_size for path in paths) / 1000)
