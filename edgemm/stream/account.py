"""The summary of a stream in a sentence: what came in, what came out, what was lost and why, how old results were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def in_words(summary: Mapping[str, Any]) -> str:
    """ "40 captured, 38 delivered, 2 dropped (stale 2); age 0.4 ms at the median, 1.2 ms at the 99th percentile".

    Args:
        summary: as `Ledger.summary()` gives it.
    """
    parts = [
        f"{summary['captured']} captured",
        f"{summary['delivered']} delivered",
        _lost(summary["dropped"]),
    ]
    if summary["in_flight"]:
        parts.append(f"{summary['in_flight']} in progress")
    sentences = [", ".join(parts)]
    if summary["results"] != summary["delivered"]:
        sentences.append(f"{summary['results']} results")
    if summary["late"]:
        sentences.append(f"{summary['late']} late")
    if summary["p50_ms"] is not None:
        sentences.append(
            f"age {summary['p50_ms']:g} ms at the median, {summary['p99_ms']:g} ms at the 99th percentile"
        )
    sentences += _more(summary)
    return "; ".join(sentences)


def record_in_words(summary: Mapping[str, Any]) -> str:
    """ "12 lines in results.jsonl, 3 not recorded by its filter"."""
    parts = [f"{summary['written']} lines in {summary['path']}"]
    for key, words in (
        ("not_written", "could not be written"),
        ("filtered", "left out by its filter"),
        ("rotated", "files ended"),
        ("removed", "files removed"),
    ):
        if summary.get(key):
            parts.append(f"{summary[key]} {words}")
    return ", ".join(parts)


def sink_in_words(name: str, summary: Mapping[str, Any]) -> str:
    """ "out.mp4 (mp4v): 120 frames at 30/s, 20 repeated, 3 pictures refused (busy 3)"."""
    head = f"{name} ({summary['codec']})" if "codec" in summary else name
    if "sample_rate" in summary:
        return f"{name}: {', '.join(_saved_sound(summary))}"
    if "samples" in summary:
        return f"{name}: {', '.join(_heard(summary))}"
    if "fps" in summary:
        parts = [f"{summary['frames']} frames at {summary['fps']:g}/s"]
    else:
        parts = [f"{summary.get('written', 0)} pictures"]
    for key in ("repeated", "skipped", "removed", "not_written"):
        if summary.get(key):
            parts.append(f"{summary[key]} {key.replace('_', ' ')}")
    if summary.get("left_out_s"):
        parts.append(f"{summary['left_out_s']:g} s left out")
    parts += _refused(summary, "pictures")
    return f"{head}: {', '.join(parts)}"


def _heard(summary: Mapping[str, Any]) -> list[str]:
    """Of a sink of sound: "12 sounds, 96000 samples played, 800 dropped (cancelled 800), 2 underruns"."""
    samples = summary["samples"]
    parts = [f"{summary['written']} sounds", f"{samples['played']} samples played", _lost(samples["dropped"])]
    if summary.get("first_sound_ms") is not None:
        parts.append(f"first sound {summary['first_sound_ms']:g} ms old at the median")
    parts += [f"{summary[key]} {key}" for key in ("underruns", "pauses") if summary.get(key)]
    parts += [f"{event} {count}" for event, count in summary.get("faults", {}).items()]
    return parts + _refused(summary, "results")


def _saved_sound(summary: Mapping[str, Any]) -> list[str]:
    """Of a WAV file: "3 sounds, 2.4 s at 16000 Hz, 1 converted"."""
    parts = [f"{summary['written']} sounds", f"{summary['seconds']:g} s at {summary['sample_rate']} Hz"]
    parts += [f"{summary['converted']} converted"] if summary["converted"] else []
    return parts + _refused(summary, "results")


def _refused(summary: Mapping[str, Any], what: str) -> list[str]:
    if not summary.get("refused"):
        return []
    reasons = ", ".join(f"{reason} {count}" for reason, count in summary["refused"].items())
    return [f"{sum(summary['refused'].values())} {what} refused ({reasons})"]


def _lost(dropped: Mapping[str, int]) -> str:
    reasons = ", ".join(f"{reason} {count}" for reason, count in dropped.items())
    return f"{sum(dropped.values())} dropped" + (f" ({reasons})" if reasons else "")


def _more(summary: Mapping[str, Any]) -> list[str]:
    found = []
    if "samples" in summary and summary["samples"]["dropped"]:
        found.append(f"samples: {_lost(summary['samples']['dropped'])}")
    if summary.get("faults"):
        found.append("faults: " + ", ".join(f"{event} {count}" for event, count in summary["faults"].items()))
    if "starved_s" in summary:
        found.append(f"nothing was delivered for {summary['starved_s']:g} s")
    if "record" in summary:
        found.append(f"record: {record_in_words(summary['record'])}")
    found += [sink_in_words(name, each) for name, each in summary.get("sinks", {}).items()]
    return found
