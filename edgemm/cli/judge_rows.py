"""What `edgemm judge` tells, as rows of tables: a row for each measure, a column for each model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from edgemm.cli.output import size

UNKNOWN = "-"
Told = Mapping[str, Any]
Rows = list[tuple[str, ...]]


def side_by_side(content: Told) -> tuple[Rows, tuple[str, ...]]:
    """All measures, and the header."""
    rows = [*accuracy_rows(content), *general_rows(content), *map_rows(content), *compute_rows(content)]
    return [*rows, *storage_rows(content)], ("measure", *names(content))


def names(content: Told) -> list[str]:
    """Of the models: the names of their files, or the paths where two have one name."""
    files = [each["file"] for each in content["models"]]
    short = [Path(each).name for each in files]
    return short if len(set(short)) == len(short) else files


def figure(value: float | None, unit: str) -> str:
    """ "95.4%" of shares; "-" where nothing is known."""
    if value is None:
        return UNKNOWN
    return f"{value:.1%}" if unit == "share" else f"{value:.2f}{' ' + unit if unit in ('dB', 'px') else ''}"


def accuracy_rows(content: Told) -> Rows:
    """Figure, interval, samples."""
    of_task = content["metric"]
    unit = of_task["unit"]

    def interval(told: Told) -> str:
        ends = told["accuracy"]["interval"]
        return UNKNOWN if ends is None else f"{figure(ends[0], unit)} to {figure(ends[1], unit)}"

    same = [each["accuracy"]["same_as_first"] for each in content["models"]]
    exact = [each["accuracy"]["exact"] for each in content["models"]]
    written: Rows = []
    if exact[0] is not None:
        written = [("texts without a mistake", *(figure(each, "share") for each in exact))]
    beside: Rows = []
    if len(same) > 1 and same[0] is not None:
        beside = [("same answer as the first", *(figure(each, "share") for each in same))]
    return [
        _row(content, of_task["name"], lambda told: figure(told["accuracy"]["value"], unit)),
        _row(content, "95 % of such samples", interval),
        *written,
        *beside,
        _row(content, "samples", lambda told: str(told["accuracy"]["samples"])),
    ]


def general_rows(content: Told) -> Rows:
    """Other data, and the mean of each corruption."""
    unit = content["metric"]["unit"]
    rows: Rows = []
    if content["other"] is not None:
        rows.append(_row(content, "other data", lambda told: _other(told, unit)))
    kinds = dict.fromkeys(
        kind for each in content["models"] for kind in each["generalization"]["corruptions"]
    )
    if kinds:
        rows.append(
            _row(content, "all corruptions", lambda told: figure(told["generalization"]["mean"], unit))
        )
    rows += [
        _row(content, f"  {kind}, 1 to 5", lambda told, kind=kind: _curve(told, kind, unit))  # type: ignore[misc]
        for kind in kinds
    ]
    return rows


def _other(told: Told, unit: str) -> str:
    other = told["generalization"]["other"]
    if other is None or other["value"] is None:
        return UNKNOWN
    ends = other.get("interval")
    return figure(other["value"], unit) + (
        "" if ends is None else f" ({figure(ends[0], unit)} to {figure(ends[1], unit)})"
    )


def _curve(told: Told, kind: str, unit: str) -> str:
    values = told["generalization"]["corruptions"].get(kind)
    return UNKNOWN if values is None else f"{figure(values[1], unit)} to {figure(values[-1], unit)}"


def map_rows(content: Told) -> Rows:
    """The deletion score, where maps were asked for."""

    def deletion(told: Told) -> str:
        score = told["interpretability"]["score"]
        return (
            UNKNOWN if score is None else f"{score['deletion']:.3f} (random {score['random_deletion']:.3f})"
        )

    def meaning(told: Told) -> str:
        score = told["interpretability"]["score"]
        return UNKNOWN if score is None else "yes" if score["means_something"] else "no"

    if all(each["interpretability"]["score"] is None for each in content["models"]):
        return []
    return [
        _row(content, "maps: score left when hidden", deletion),
        _row(content, "maps mean something", meaning),
    ]


def compute_rows(content: Told) -> Rows:
    """Work, time, energy."""

    def macs(told: Told) -> str:
        number = told["compute"]["macs"]
        return UNKNOWN if number is None else f"{number / 1e6:,.2f} M"

    rows = [_row(content, "multiply-accumulates", macs)]
    for key, name, unit in (
        ("p50_ms", "latency, median", "ms"), ("p90_ms", "latency, p90", "ms"), ("p99_ms", "latency, p99", "ms"),
        ("processor_ms", "processor time", "ms"), ("energy_mj", "energy of an inference", "mJ"),
        ("training_s", "training", "s"),
    ):  # fmt: skip
        told = [each["compute"].get(key) for each in content["models"]]
        optional = key == "training_s"
        if not optional or any(each is not None for each in told):
            rows.append((name, *(UNKNOWN if each is None else f"{each:.3g} {unit}" for each in told)))
    return rows


def storage_rows(content: Told) -> Rows:
    """File and memory."""

    def memory(told: Told) -> str:
        peak, own = told["storage"].get("peak_mb"), told["storage"].get("peak_model_mb")
        return UNKNOWN if peak is None else f"{peak:.0f} MB ({own:.0f} MB the model)"

    return [
        _row(content, "file", lambda told: size(told["storage"]["file_bytes"])),
        _row(content, "file, compressed", lambda told: size(told["storage"]["compressed_bytes"])),
        _row(content, "peak memory of a process", memory),
    ]


def _row(content: Told, name: str, tell: Callable[[Told], str]) -> tuple[str, ...]:
    return (name, *(tell(each) for each in content["models"]))


def left_out(content: Told) -> Iterator[str]:
    """What was not measured, and why: each reason once."""
    told: dict[str, None] = {}
    for each in content["models"]:
        for kind, why in each["generalization"]["left_out"].items():
            told[f"left out: corruption {kind}: {why}"] = None
        other = each["generalization"]["other"]
        if other is not None and other.get("why"):
            told[f"left out: other data: {other['why']}"] = None
        maps = each["interpretability"]
        if maps["why"] and maps["why"] != "not asked for":
            told[f"left out: maps: {maps['why']}"] = None
        if each["compute"].get("latency_why"):
            told[f"left out: latency of {each['file']}: {each['compute']['latency_why']}"] = None
    yield from told


def chosen(content: Told) -> Iterator[str]:
    """Which model was chosen, or what the nearest one misses."""
    choice = content.get("choice")
    if choice is None:
        return
    if choice["best"] is not None:
        yield f"best: {choice['best']} ({', '.join(choice['constraints'])})"
        return
    yield f"none of the models meets {', '.join(choice['constraints'])}"
    yield f"nearest: {choice['nearest']}; missed: {'; '.join(choice['missed'])}"
