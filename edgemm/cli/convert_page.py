"""`edgemm convert --report`: what was kept, what it costs, where the rest was lost, and what to do, as one page."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from html import escape
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemm import atomic
from edgemm.cli.answer import answer
from edgemm.cli.candidates import told_size
from edgemm.cli.convert_charts import EXACT_DB, Bar, Dot, forms, layers, share_bars
from edgemm.cli.demo.report import Section, page, paragraph, picture, preformatted, table
from edgemm.cli.next_steps import next_steps
from edgemm.cli.output import FIDELITY_HEADER, fidelity_rows, of_source, size
from edgemm.instructions import instructions
from edgemm.version import __version__

if TYPE_CHECKING:
    from edgemm.converters.candidate import Candidate
    from edgemm.converters.conversion import Conversion
    from edgemm.converters.diagnose import Diagnosis
    from edgemm.converters.examples import Example

SHOWN = 24
"""Layers in the picture."""
MEANS = {
    "float": "nothing is quantized",
    "static": "weights and activations are int8, with ranges that were measured before",
    "dynamic": "weights are int8, activations are quantized while it runs, or stay float",
    "mixed": "for each operator int8, int8 weights or float, whichever is predicted to be fastest",
}
"""What a scheme is."""
SNR = "SNR: how much larger the source's answers are than what the file changes in them; at 20 dB that is a tenth."
SAME_CLASS = "Same class: for how many samples the file's best class is the source's."
ACCURACY = "Accuracy: for how many it is right, and in brackets for how many the source is."
PACKAGES = ("onnxruntime", "ai-edge-litert", "torch", "onnx", "numpy")
"""Whose versions results hang on."""
_WIDE_PX = 150


def write_page(path: Path, done: Conversion, command: Sequence[str] = ()) -> None:
    """One self-contained HTML file about one conversion.

    Args:
        command: the words of the command line, for the page's end; () for a call from Python.
    """
    lead = f"{done.scheme.capitalize()}: {MEANS[done.scheme]}. For the target {done.target}; {size(done.size_bytes)}, "
    lead += f"{of_source(done)}."
    sections = [
        *of_one(done),
        Section("Data", _data(done)),
        Section("What to do next", listed(next_steps(done))),
        Section("Notes", listed(done.notes)),
        Section("What was decided", decided(done)),
        Section("Made with", made_with(command)),
    ]
    text = page(f"edgemm convert: {done.output.name}", lead, [each for each in sections if each.html])
    atomic.save(path, text, "--report")


def of_one(done: Conversion) -> list[Section]:
    """What there is to see of one file, or of one part of a bundle; sections without anything are empty."""
    return [
        Section("Verdict", _verdict(done)),
        Section("Size and latency", _against_float(done)),
        Section("Forms that were weighed", _forms(done)),
        Section("Where time goes and accuracy is lost", _layers(done)),
        Section("What was repaired, and why", _repairs(done)),
        Section("Answers that changed", _examples(done)),
    ]


def decided(done: Conversion) -> str:
    """The plan, folded."""
    return _folded("Every operator, its precision and its grid", preformatted(done.explanation))


def _verdict(done: Conversion) -> str:
    missed = done.fidelity.missed
    words = "Below the gate" if missed else "Holds the gate"
    said = "".join(f"<li>{escape(each)}</li>" for each in missed)
    box = (
        f'<div class="verdict {"bad" if missed else "good"}"><p><strong>{words}</strong> {escape(_limits(done))}</p>'
        + (f"<ul>{said}</ul>" if said else "")
        + "</div>"
    )
    kept = table(fidelity_rows(done.fidelity), FIDELITY_HEADER, "What was kept of the source's answers")
    return box + wide(kept, "What was kept") + paragraph(_measures(done), small=True)


def _measures(done: Conversion) -> str:
    """What the columns are that say something here."""
    outputs = done.fidelity.outputs
    classes = any(each.top1_agreement is not None for each in outputs)
    judged = any(each.accuracy is not None for each in outputs)
    return " ".join([SNR, *[SAME_CLASS] * classes, *[ACCURACY] * judged])


def _limits(done: Conversion) -> str:
    """ "(at least 20 dB)": the limits that are held to these outputs."""
    gate, outputs = done.limits, done.fidelity.outputs
    told = []
    if any(each.accuracy is not None for each in outputs):
        told.append(f"at most {gate.max_accuracy_loss:.1%} of accuracy lost")
    elif any(each.top1_agreement is not None for each in outputs):
        told.append(f"the same class for at least {gate.min_agreement:.0%} of the samples")
    if any(each.top1_agreement is None and each.accuracy is None for each in outputs):
        told.append(f"at least {gate.min_snr_db:g} dB")
    told += [each.sentence for each in done.fidelity.task]
    of_what = " of seeded noise" if done.used.noise else ""
    return f"({'; '.join(told)}; {done.fidelity.samples} samples{of_what})"


def _against_float(done: Conversion) -> str:
    here, before = done.int8_latency_ms, done.float_latency_ms
    rows: list[tuple[str, ...]] = [
        (
            "size",
            size(done.source_size_bytes),
            size(done.size_bytes),
            f"{done.size_bytes / done.source_size_bytes:.2f}",
        )
    ]
    drawn = share_bars(
        [
            ("source", done.source_size_bytes, size(done.source_size_bytes), False),
            (done.scheme, done.size_bytes, size(done.size_bytes), True),
        ],
        "Size of the source and of the file",
    )
    if here > 0 and before > 0:
        rows.append(("latency", str(done.float_latency), str(done.int8_latency), f"{here / before:.2f}"))
        drawn += share_bars(
            [("float", before, f"{before:.3g} ms", False), (done.scheme, here, f"{here:.3g} ms", True)],
            "Latency of the float file and of this one",
        )
    about = paragraph(
        f"Latency: the median (p10 to p90) of one inference on this machine ({instructions()}), one thread. On another "
        "device it is another: edgemm bench measures there.",
        small=True,
    )
    header = ("", "source" if len(rows) == 1 else "source, float", done.scheme, "ratio")
    return f"<div>{drawn}</div>" + wide(table(rows, header, "Against float"), "Against float") + about


def _forms(done: Conversion) -> str:
    """The candidates; "" where one form alone was looked at."""
    candidates = done.candidates
    if len(candidates) < 2:
        return ""
    here = {each.form: each.latency.median_ms for each in candidates if each.latency is not None}
    measured = len(here) == len(candidates)
    dots = [
        Dot(
            each.form,
            here[each.form] if measured else each.predicted_us / 1000,
            _kept(each),
            each.held,
            each.chosen,
        )
        for each in candidates
    ]
    what = "measured here" if measured else "predicted"
    drawn = forms(dots, f"Fidelity over {what} latency")
    rows = [
        (
            f"{each.form}{' (chosen)' if each.chosen else ''}",
            f"{each.predicted_us / 1000:.3g} ms",
            "-" if each.latency is None else f"{each.latency.median_ms:.3g} ms",
            told_size(each),
            "-" if (kept := _kept(each)) is None else _decibels(kept),
            {True: "held", False: "!missed", None: "-" if each.form == "float" else "not tried"}[each.held],
            each.why,
        )
        for each in candidates
    ]
    header = ("form", "predicted", "measured here", "size", "worst output, dB", "gate", "why")
    lead = paragraph(
        f"Up is nearer to the source, left is faster ({what}). The ring is the chosen form, a cross missed the gate. A "
        "hollow dot was not tried: at the foot of the picture, because its fidelity is not known, and its size, where "
        "the table says about, is estimated.",
        small=True,
    )
    return (
        f"<div>{drawn}</div>"
        + lead
        + wide(table(rows, header, "Forms, and why one was chosen", words=True), "Forms")
    )


def _kept(candidate: Candidate) -> float | None:
    """Decibels of the worst output; float is the source itself."""
    if candidate.fidelity is None:
        return EXACT_DB if candidate.form == "float" else None
    return min(float(candidate.fidelity.worst_db), EXACT_DB)


def _decibels(worst_db: float) -> str:
    return "exact" if worst_db >= EXACT_DB else f"{worst_db:.1f}"


def _layers(done: Conversion) -> str:
    return "" if done.diagnosis is None else losses(done.diagnosis, done.node_us)


def losses(diagnosis: Diagnosis, predicted_us: Mapping[str, float] | None = None) -> str:
    """The picture of the layers, worst first, and the scales that are shared by unlike parts.

    Args:
        predicted_us: node -> microseconds; without it a layer's cost is its multiplications.
    """
    costs, what = _costs(diagnosis, predicted_us or {})
    total = sum(costs.values()) or 1.0
    bars = [
        Bar(
            each.node,
            costs[each.node] / total,
            each.noise_share,
            f"{costs[each.node] / total:.1%} of the {what}, {each.noise_share:.1%} of the noise, {each.snr_db:.1f} dB",
        )
        for each in diagnosis.layers[:SHOWN]
    ]
    drawn = layers(bars, what, "Each layer's share of the cost, and of the noise when it alone is int8")
    shared = [
        f"{each.value}, which {each.node} writes, has one scale; {each.part} reaches 1/{each.ratio:.0f} of its range."
        for each in diagnosis.shared
    ]
    more = len(diagnosis.layers) - SHOWN
    rest = paragraph(f"... and {more} more layers", small=True) if more > 0 else ""
    rows = [
        (
            each.node,
            each.operator,
            f"{costs[each.node] / total:.1%}",
            f"{each.noise_share:.1%}",
            f"{each.snr_db:.1f}",
        )
        for each in diagnosis.layers
    ]
    header = ("layer", "operator", f"of the {what}", "of the noise", "dB alone")
    figures = wide(table(rows, header, "Every layer, worst first"), "Every layer")
    return f"<div>{drawn}</div>{rest}" + "".join(map(paragraph, shared)) + _folded("In figures", figures)


def _costs(diagnosis: Diagnosis, predicted_us: Mapping[str, float]) -> tuple[dict[str, float], str]:
    """Node -> cost, and what that is."""
    if any(each.node in predicted_us for each in diagnosis.layers):
        return {each.node: predicted_us.get(each.node, 0.0) for each in diagnosis.layers}, "predicted time"
    return {each.node: float(each.macs) for each in diagnosis.layers}, "multiplications"


def _repairs(done: Conversion) -> str:
    told = done.card.quantization
    return listed([*told["repaired_because"], *told["repairs"]]) if told.get("repairs") else ""


def _examples(done: Conversion) -> str:
    found = done.examples
    if not found.compared:
        return ""
    share = f"{found.changed} of {found.compared} samples are answered otherwise than by the source"
    if not found.changed:
        return paragraph(
            f"None: all {found.compared} samples that it was measured on are answered as by the source."
        )
    shown = (
        f"; the {len(found.shown)} that the source was surest of are shown"
        if len(found.shown) < found.changed
        else ""
    )
    figures = "".join(_figure(each) for each in found.shown if each.pixels is not None)
    rows = [
        (f"{each.name} ({each.about})", answer(each.source), answer(each.file), each.right)
        for each in found.shown
        if each.pixels is None
    ]
    header = ("sample", "source", "file", "right")
    listed = (
        wide(table(rows, header, "Answers that changed", words=True), "Answers that changed") if rows else ""
    )
    return paragraph(f"{share}{shown}.") + f'<div class="cases">{figures}</div>' + listed


def _figure(each: Example) -> str:
    assert each.pixels is not None
    caption = f"{each.name}: {answer(each.source)} became {answer(each.file)}"
    if each.right:
        caption += f"; right is {each.right}"
    pixels = each.pixels[:, :, ::-1] if each.pixels.ndim == 3 else each.pixels
    return picture(
        pixels, caption, width=_WIDE_PX, right=each.right != "" and each.right == _answered(each.file)
    )


def _answered(result: Any) -> str:
    """The class that it is; "" for a result of another kind."""
    return str(getattr(result, "label", ""))


def _data(done: Conversion) -> str:
    used = done.used
    rows = []
    if used.calibrated:
        rows.append(("calibrated on", used.calibrated_on, used.calibrated, used.sha256[:16] or "-"))
    if used.measured_on:
        rows.append(("measured on", used.measured_on, used.measured, "-"))
    header = ("", "data", "samples", "SHA-256 of the tensors")
    return (
        wide(table(rows, header, "What it was calibrated and measured on", words=True), "Data")
        if rows
        else ""
    )


def made_with(command: Sequence[str]) -> str:
    """Machine, versions, command and date."""
    versions = [("edgemm", __version__), ("Python", platform.python_version())]
    versions += [(name, found) for name in PACKAGES if (found := _version(name))]
    rows = [
        ("machine", f"{platform.system()} {platform.machine()}, {instructions()}"),
        ("versions", ", ".join(f"{name} {number}" for name, number in versions)),
        *([("command", shlex.join(command))] if command else []),
        ("date", datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")),
    ]
    return wide(table(rows, ("", ""), "Machine, versions, command, date", words=True), "Made with")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def listed(sentences: Sequence[str]) -> str:
    """Sentences as a list; "" for none."""
    return f"<ul>{''.join(f'<li>{escape(each)}</li>' for each in sentences)}</ul>" if sentences else ""


def _folded(title: str, html: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{html}</details>"


def wide(html: str, title: str) -> str:
    """Scrolls by itself where the screen is narrower, with the keyboard too."""
    return f'<div class="wide" tabindex="0" role="region" aria-label="{escape(title)}">{html}</div>'
