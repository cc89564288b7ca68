"""The sections of the demo's report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgemm import atomic
from edgemm.cli.convert_page import losses
from edgemm.cli.demo import charts
from edgemm.cli.demo.devices import Tried
from edgemm.cli.demo.live import LiveRun
from edgemm.cli.demo.measure import Variant
from edgemm.cli.demo.report import Section, page, paragraph, picture, table, video
from edgemm.cli.demo.strings import WrittenDown
from edgemm.cli.demo.vision import SceneVariant
from edgemm.version import __version__

LEAD = (
    "Four networks, trained in float, converted to int8 files for two runtimes, and run on films, pictures and speech "
    "inside a latency budget; a fifth writes down what is said. Then two behind each other, a page that is read, "
    "pictures that networks make, and a judgement of float against int8. Everything on this page was measured when it "
    "was made, on this machine, on one thread."
)


def write_report(
    path: Path,
    digits: tuple[Variant, ...],
    keywords: tuple[Variant, ...],
    scenes: tuple[SceneVariant, ...],
    films: tuple[LiveRun, ...],
    pictures: LiveRun,
    speech: LiveRun,
    strings: WrittenDown,
    devices: tuple[Tried, ...],
    more: Sequence[Section] = (),
    others: Sequence[LiveRun] = (),
) -> None:
    """One self-contained HTML file.

    Args:
        more: sections that stand in front of that of the devices.
        others: runs of those sections, whose stages are shown too.
    """
    sections = [
        Section("In short", _headline(digits, keywords, scenes) + _machine()),
        Section("Digits found in moving scenes, float against int8", _scenes(scenes, "scene_detector")),
        Section("Their pixels, float against int8", _scenes(scenes, "scene_segmenter")),
        *(
            Section(
                f"{run.name}, on a film of 15 pictures a second", budget_html(run, "a film") + film_html(run)
            )
            for run in films
        ),
        Section("Handwritten digits: what int8 kept", _kept(digits, "1,000 held-out handwritten digits")),
        Section(
            "Spoken digits: what int8 kept", _kept(keywords, "ten recordings of a speaker it never heard")
        ),
        Section("Where int8 loses it, layer by layer", _losses(*digits, *keywords)),
        Section("Pictures, live", budget_html(pictures, "30 pictures per second") + _pictures(pictures)),
        Section("Speech, live", budget_html(speech, "one inference every 20 ms of sound") + _speech(speech)),
        Section("Digit strings, written down while they are said", _strings(strings)),
        *more,
        Section("Devices of this machine", "".join(map(_device, devices)) or paragraph(NO_DEVICES)),
        Section(
            "Where the milliseconds went",
            _stages(*films, pictures, speech, strings.run, *others, *_runs(devices)),
        ),
    ]
    atomic.save(path, page("edgemm: from float to int8, inside a budget", LEAD, sections))


def _headline(
    digits: tuple[Variant, ...], keywords: tuple[Variant, ...], scenes: tuple[SceneVariant, ...]
) -> str:
    """Float and int8 `.tflite` of each network, side by side."""
    figures = [
        (v.name, v.format, v.scheme, f"{v.accuracy:.1%}", v.size_bytes, v.latency_ms)
        for v in (*digits, *keywords)
    ]
    figures += [
        (v.name, v.format, v.scheme, f"{v.figure} {v.score:.3f}", v.size_bytes, v.latency_ms) for v in scenes
    ]
    rows = []
    for name in dict.fromkeys(each[0] for each in figures):
        whole, small = (
            next(
                each for each in figures if each[:2] == (name, "tflite") and (each[2] == "float") == is_float
            )
            for is_float in (True, False)
        )
        faster = whole[5] / small[5]
        rows.append(
            (
                name,
                whole[3],
                small[3],
                f"{whole[4] / 1000:.0f} kB",
                f"{small[4] / 1000:.0f} kB",
                f"{faster:.1f} x",
            )
        )
    header = ("network", "float", "int8", "size in float", "in int8", "speed of int8")
    return table(rows, header) + paragraph(
        "On held-out data. mAP50: mean average precision of boxes that overlap by half; mIoU: overlap of pixels.",
        small=True,
    )


def _machine() -> str:
    import platform

    import numpy as np

    from edgemm.litert_runtime import find_litert
    from edgemm.onnx_runtime import onnx_runtime
    from edgemm.opencv import opencv

    board = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    runtimes = f"{find_litert()}, onnxruntime {onnx_runtime().__version__}"
    libraries = f"OpenCV {opencv().__version__}, NumPy {np.__version__}"
    return paragraph(f"{board}; edgemm {__version__}, {runtimes}, {libraries}.", small=True)


def _scenes(variants: tuple[SceneVariant, ...], name: str) -> str:
    shown = [v for v in variants if v.name == name]
    rows = [
        (
            f"{v.scheme} .{v.format}",
            f"{v.size_bytes / 1000:.1f} kB",
            f"{v.score:.3f}",
            f"{v.kept:.1%}",
            f"{v.latency_ms:.3f} ms",
        )
        for v in shown
    ]
    header = ("file", "size", shown[0].figure, "kept of float's answers", "one call")
    pictures = "".join(
        "<div>"
        + "".join(picture(pixels[:, :, ::-1], f"{v.scheme} .{v.format}", width=200) for pixels in v.shown)
        + "</div>"
        for v in shown
        if v.format == "tflite"
    )
    return table(rows, header) + pictures


def film_html(run: LiveRun) -> str:
    """The film, and some of its frames."""
    shown = (picture(pixels[:, :, ::-1], said, width=200, right=right) for pixels, said, right in run.shown)
    return (video(run.film) if run.film is not None else "") + "<div>" + "".join(shown) + "</div>"


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
    return budget_html(tried.run, tried.uri) + _pictures(tried.run) + said


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


def budget_html(run: LiveRun, pace: str) -> str:
    """What was captured and delivered, and a chart of ages."""
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


def _strings(strings: WrittenDown) -> str:
    run = strings.run
    chart = charts.transcript(
        strings.envelope,
        run.seconds,
        run.spoken,
        strings.told,
        "What was said (grey), and what was told when",
    )
    lead = f"Said: {', '.join(strings.said)}. Written down: {', '.join(strings.written) or 'nothing'}."
    return (
        paragraph(lead)
        + chart
        + paragraph("Grey: so far, replaced by what comes next. Green: final, after a silence.", small=True)
        + budget_html(run, "digit strings")
    )


def _stages(*runs: LiveRun) -> str:
    shown = {run.name: {stage: ms for stage, ms in run.stages_ms.items() if stage != "wait"} for run in runs}
    text = "Median of one result, without the time it waited for its turn or for the next samples."
    return charts.stages(shown, "Milliseconds per result") + paragraph(text, small=True)
