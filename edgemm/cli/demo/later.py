"""The later sections of the demo's report: networks behind each other, pictures that are made, a judgement."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from edgemm.cli import judge_rows
from edgemm.cli.demo import charts
from edgemm.cli.demo.chain_film import ChainRun
from edgemm.cli.demo.made import BORDER, Filtered, Generated, Larger
from edgemm.cli.demo.pages import budget_html, film_html
from edgemm.cli.demo.reading import ReadPage, plain
from edgemm.cli.demo.report import Section, paragraph, picture, table


def chain(told: ChainRun) -> tuple[Section, ...]:
    """The chain on its film."""
    tally = told.tally
    row = (
        tally.true, tally.found, _share(tally.read, tally.true), _share(tally.detector, tally.true),
        _miss(tally.things - tally.found),
    )  # fmt: skip
    header = (
        "digits in all frames",
        "found",
        "read by the classifier",
        "by the detector alone",
        "found beside them",
    )
    lead = (
        "The int8 detector finds digits on a dark board, drawn for this since the classifier has seen light digits on "
        "dark alone, and the int8 classifier behind it sees each one by itself: "
        'detector.then(edgemm.Crop("box", square=True, margin=1.3), classifier). A label has no place that could be '
        "followed, so the detector runs on every frame; landmarks can be tracked."
    )
    html = (
        paragraph(lead) + _wide(table([row], header)) + budget_html(told.run, "a film") + film_html(told.run)
    )  # fmt: skip
    return (Section("Two networks behind each other, on a film", html),)


def reading(told: Sequence[ReadPage]) -> Section:
    """The page in each picture, and its lines beside what was read."""
    lead = (
        "A drawn page, read by a bundle of two small int8 networks of our own: one finds lines, in any rotation, the "
        "other writes them down: edgemm run edgemm/data/models/page_reader.tflite.zip --source page.png."
    )
    pictures = "".join(
        picture(
            _bgr(each.drawn),
            f"{each.about}: {each.exact} of {len(each.lines)} lines exact",
            width=420,
            right=each.exact == len(each.lines),
        )
        for each in told
    )
    rows = [(line, *(_said(each, line) for each in told)) for line in told[0].lines]
    return Section(
        "Text in a picture",
        paragraph(lead) + f"<div>{pictures}</div>" + _wide(table(rows, ("line", *(each.about for each in told))))
        + paragraph("Bundles of PP-OCR's networks, which read more alphabets, are opened as they are.", small=True),
    )  # fmt: skip


def _said(page: ReadPage, line: str) -> str:
    """The row that is most like a line, where it is not the line itself."""
    nearest = get_close_matches(line, page.read, 1, 0.5)
    return "!not read" if not nearest else "exact" if plain(nearest[0]) == plain(line) else f"!{nearest[0]}"


def larger(told: Larger) -> Section:
    """Input, bicubic, network, truth."""
    width = told.truth.shape[1]
    shown = (
        (told.small, "half its size"),
        (told.bicubic, f"bicubic: {told.bicubic_db:.2f} dB"),
        (told.network, f"network: {told.network_db:.2f} dB"),
        (told.truth, "as it was"),
    )
    gain = told.network_db - told.bicubic_db
    lead = f"A drawn scene of half its size, twice as large again: the int8 network is {gain:+.2f} dB over bicubic. "
    lead += "One picture says little: drawn scenes gain from -0.4 to +3 dB, photographs 2 dB on average."
    return Section(
        "A picture twice as large",
        paragraph(lead)
        + f"<div>{''.join(picture(_bgr(pixels), said, width=width) for pixels, said in shown)}</div>"
        + paragraph(f"PSNR of the brightness, without {BORDER} pixels along the edges.", small=True),
    )


def generated(told: Generated) -> Section:
    """A row for each digit."""
    rows = ""
    for digit in range(10):
        one = [each for each in told.shown if each[1] == digit]
        rows += "".join(
            picture(pixels, f"{label}, read as {read}", width=56, right=read == str(label))
            for pixels, label, read in one
        )
    lead = (
        f"Made by the int8 generator of a label and a seed. The bundled classifier reads "
        f"{told.right / told.count:.1%} of {told.count} as their label."
    )
    return Section("Digits made by their label", paragraph(lead) + f"<div>{rows}</div>")


def filtered(told: Filtered) -> Section:
    """Before and after."""
    width = told.before.shape[1]
    after = picture(told.after, ", ".join(told.filters), width=width)
    return Section(
        "Filters",
        paragraph("OpenCV's, alone or in front of a network: edgemm.Filter, or --filter of edgemm run.")
        + f"<div>{picture(_bgr(told.before), 'as it is', width=width)}{after}</div>",
    )


def judged(content: dict[str, Any]) -> Section:
    """Float and int8 by four measures, and curves of corruptions."""
    names = judge_rows.names(content)
    rows, header = judge_rows.side_by_side(content)
    models = dict(zip(names, content["models"], strict=True))
    ends = {name: (each["accuracy"]["value"], each["accuracy"]["interval"]) for name, each in models.items()}
    kinds = next(iter(models.values()))["generalization"]["corruptions"]
    drawn = "".join(
        charts.curves(
            {name: each["generalization"]["corruptions"][kind] for name, each in models.items()}, kind
        )
        for kind in kinds
    )
    count = next(iter(models.values()))["generalization"]["samples"]
    lead = (
        "Accuracy, the same pictures spoiled, and what each file costs: edgemm judge FILE FILE --data DATA."
    )
    return Section(
        "Float and int8, judged",
        paragraph(lead)
        + _wide(table(rows, header))
        + _wide(charts.intervals(ends, f"{content['metric']['name']}, and where 95 % of such samples lie"))
        + paragraph(f"{count} pictures, as they are (0) and spoiled at strengths 1 to 5.", small=True)
        + f"<div>{drawn}</div>{charts.legend(names)}",
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _miss(count: int) -> str:
    return f"!{count}" if count else "0"


def _bgr(pixels: Any) -> Any:
    return pixels[:, :, ::-1]


def _wide(html: str) -> str:
    """Scrolls by itself where the screen is narrower."""
    return f'<div class="wide">{html}</div>'
