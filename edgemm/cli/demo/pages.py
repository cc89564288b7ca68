"""The sections of the demo's report."""

from __future__ import annotations

from pathlib import Path

from edgemm import atomic
from edgemm.cli.convert_page import losses
from edgemm.cli.demo import charts
from edgemm.cli.demo.devices import Tried
from edgemm.cli.demo.live import LiveRun
from edgemm.cli.demo.measure import Variant
from edgemm.cli.demo.report import Section, page, paragraph, picture, table

LEAD = (
    "Two networks, trained in float, converted to int8 files for two runtimes, and run on pictures and on speech "
    "inside a latency budget. Everything on this page was measured when it was made, on this machine, on one thread."
)


def write_report(
    path: Path,
    digits: tuple[Variant, ...],
    keywords: tuple[Variant, ...],
    pictures: LiveRun,
    speech: LiveRun,
    devices: tuple[Tried, ...],
) -> None:
    """One self-contained HTML file."""
    sections = [
        Section("What int8 kept", _kept(digits, "1,000 held-out handwritten digits")),
        Section(
            "Spoken digits: what int8 kept", _kept(keywords, "ten recordings of a speaker it never heard")
        ),
        Section("Where int8 loses it, layer by layer", _losses(*digits, *keywords)),
        Section("Pictures, live", _budget(pictures, "30 pictures per second") + _pictures(pictures)),
        Section("Speech, live", _budget(speech, "one inference every 20 ms of sound") + _speech(speech)),
        Section("Devices of this machine", "".join(map(_device, devices)) or paragraph(NO_DEVICES)),
        Section("Where the milliseconds went", _stages(pictures, speech, *_runs(devices))),
    ]
    atomic.save(path, page("edgemm: from float to int8, inside a budget", LEAD, sections))


NO_DEVICES = (
    "No camera or microphone was found, so the two sections above played files in real time. `edgemm doctor` "
    "lists devices; `edgemm demo --camera URI --microphone URI` takes any source."
)


def _runs(devices: tuple[Tried, ...]) -> tuple[LiveRun, ...]:
    return tuple(each.run for each in devices if each.run is not None)


def _device(tried: Tried) -> str:
    if tried.run is None:
        return paragraph(f"{tried.uri}: {tried.trouble}")
    words = " ".join(word for _, word in tried.run.heard)
    said = paragraph(f"Heard: {words or 'no digit'}.", small=True) if tried.run.seconds else ""
    return _budget(tried.run, tried.uri) + _pictures(tried.run) + said


def _kept(variants: tuple[Variant, ...], data: str) -> str:
    rows = [
        (
            f"{v.scheme} .{v.format}",
            f"{v.size_bytes / 1000:.1f} kB",
            f"{v.accuracy:.1%}",
            f"{v.agreement:.1%}",
            f"{v.latency_ms:.3f} ms",
        )
        for v in variants
    ]
    header = ("file", "size", "accuracy", "same answer as float", "one call")
    pictures = charts.sizes({f"{v.scheme} .{v.format}": v.size_bytes for v in variants}, "File size")
    confusions = "".join(
        charts.confusion(v.confusion(), v.labels, f"{v.scheme} .{v.format}")
        for v in variants
        if v.format == "tflite"
    )
    lead = paragraph(f"Measured on {data}. Rows of the squares: what it was; columns: what the network said.")
    return f"{lead}{table(rows, header)}<div>{pictures}</div><div>{confusions}</div>"


def _losses(*variants: Variant) -> str:
    """A picture for each int8 file."""
    shown = [v for v in variants if v.diagnosis is not None]
    lead = paragraph(
        "One layer at a time in int8, all others in float: the noise that reaches the output is its own."
    )
    return lead + "".join(
        paragraph(f"{v.name}, {v.scheme} .{v.format}") + losses(v.diagnosis)
        for v in shown
        if v.diagnosis is not None
    )


def _budget(run: LiveRun, pace: str) -> str:
    s = run.summary
    dropped = sum(s["dropped"].values())
    row = (
        s["captured"],
        s["delivered"],
        f"!{dropped}" if dropped else "0",
        f"!{s['late']}" if s["late"] else "0",
        _ms(s["p50_ms"]),
        _ms(s["p99_ms"]),
    )
    header = ("captured", "delivered", "dropped", "late", "age p50", "age p99")
    chart = charts.histogram(run.ages_ms, run.budget_ms, f"Age of each result: {pace}")
    return table([row], header) + chart


def _ms(value: float | None) -> str:
    """Milliseconds; a run without results has none."""
    return "-" if value is None else f"{value:.2f} ms"


def _pictures(run: LiveRun) -> str:
    return (
        "<div>" + "".join(picture(pixels, said, right=right) for pixels, said, right in run.shown) + "</div>"
    )


def _speech(run: LiveRun) -> str:
    if run.envelope is None:
        return ""
    line = charts.timeline(run.envelope, run.seconds, run.spoken, run.heard, "What was said (grey) and heard")
    return line + paragraph("Green: the word that was being said. Red: another one.", small=True)


def _stages(*runs: LiveRun) -> str:
    shown = {run.name: {stage: ms for stage, ms in run.stages_ms.items() if stage != "wait"} for run in runs}
    text = "Median of one result, without the time it waited for its turn or for the next samples."
    return charts.stages(shown, "Milliseconds per result") + paragraph(text, small=True)
