"""`edgemm judge --report`: models side by side by five measures, as one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgemm import atomic
from edgemm.cli import judge_rows as rows
from edgemm.cli.demo import charts
from edgemm.cli.demo.report import Section, page, paragraph, picture, table

if TYPE_CHECKING:
    from edgemm.judge.judgement import Judging, Plan

Told = Mapping[str, Any]
SHOWN = 8
"""Cases of each model that are shown as pictures."""
_WIDE_PX = 160


def write_page(path: Path, content: Told, shown: Sequence[Mapping[int, str]]) -> None:
    """One self-contained HTML file.

    Args:
        content: of `edgemm.judge.judgement.judge`.
        shown: of each model, sample -> its picture as HTML: `pictures_of`.
    """
    names = rows.names(content)
    header = ("measure", *names)
    sections = [
        Section("In short", _short(content, header)),
        Section("Accuracy", _accuracy(content, header, names)),
        Section("Generalization", _general(content, header, names)),
        Section("Worst cases", _worst(content, names, shown, "worst")),
        Section("Interpretability", _maps(content, header, names) + _sure(content, names, shown)),
        Section("Compute", _wide(table(rows.compute_rows(content), header)) + _why(content)),
        Section("Storage", _wide(table(rows.storage_rows(content), header))),
    ]
    models = "1 model" if len(names) == 1 else f"{len(names)} models"
    lead = f"{models} of the task {content['task']}, on {content['data']}."
    atomic.save(path, page("edgemm judge", lead, [each for each in sections if each.html]), "--report")


def pictures_of(judging: Judging, plan: Plan, told: Told) -> dict[int, str]:
    """The worst cases and the most confident mistakes as pictures, with what the model found drawn on them; {} where
    the data are no pictures."""
    import edgemm
    from edgemm.judge.judgement import opened
    from edgemm.media import Frame

    accuracy = told["accuracy"]
    cases = [*accuracy["worst"][:SHOWN], *accuracy["confident_mistakes"][:SHOWN]]
    found: dict[int, str] = {}
    with opened(judging, plan) as (judged, data):
        if data.modality != "image":
            return {}
        for case in cases:
            at = case["sample"]
            if at in found:
                continue
            frame = data.samples[at].read()
            if not isinstance(frame, Frame):
                return {}
            pixels = np.asarray(frame.pixels)
            if judged.facts.task in ("detection", "segmentation", "landmarks", "picture"):
                pixels = edgemm.draw(frame, judged.model(frame))
            found[at] = picture(_small(pixels), _caption(case), width=_WIDE_PX, right=False)
    return found


def _small(pixels: Any) -> Any:
    """At most twice as wide as it is shown, and in OpenCV's order."""
    from edgemm.opencv import opencv

    height, width = pixels.shape[:2]
    most = 2 * _WIDE_PX
    if max(height, width) > most:
        scale = most / max(height, width)
        wh = max(1, round(width * scale)), max(1, round(height * scale))
        pixels = opencv().resize(pixels, wh, interpolation=opencv().INTER_AREA)
    return pixels[:, :, ::-1] if pixels.ndim == 3 else pixels


def _caption(case: Told) -> str:
    if "answer" in case and "truth" in case:
        score = f" ({case['score']:.2f})" if "score" in case else ""
        return f"{case['truth'] or 'none'} taken for {case['answer'] or 'none'}{score}"
    return f"{case['name']}: {case['alone']:.3g}"


def _short(content: Told, header: Sequence[str]) -> str:
    said = [*rows.chosen(content)]
    told, _ = rows.side_by_side(content)
    kept = [each for each in told if not each[0].startswith("  ")]
    return "".join(map(paragraph, said)) + _wide(table(kept, header))


def _accuracy(content: Told, header: Sequence[str], names: Sequence[str]) -> str:
    of_task = content["metric"]
    ends = {
        name: (each["accuracy"]["value"], each["accuracy"]["interval"])
        for name, each in zip(names, content["models"], strict=True)
        if each["accuracy"]["value"] is not None
    }
    direction = "Higher" if of_task["higher_is_better"] else "Lower"
    by = content["models"][0]["accuracy"]["interval_by"]
    lead = paragraph(f"{of_task['name']}. {direction} is better. Intervals of 95 % ({by}).", small=True)
    drawn = charts.intervals(ends, f"{of_task['name']}, and where 95 % of such samples lie") if ends else ""
    squares = "".join(
        charts.confusion(
            np.array(each["accuracy"]["confusion"]["matrix"]), each["accuracy"]["confusion"]["labels"], name
        )
        for name, each in zip(names, content["models"], strict=True)
        if each["accuracy"]["confusion"] and len(each["accuracy"]["confusion"]["labels"]) > 1
    )
    note = (
        paragraph("Rows of the squares: what it was; columns: what the model said.", small=True)
        if squares
        else ""
    )
    return (
        lead
        + _wide(table(rows.accuracy_rows(content), header))
        + _wide(drawn)
        + note
        + f"<div>{squares}</div>"
    )


def _general(content: Told, header: Sequence[str], names: Sequence[str]) -> str:
    told = rows.general_rows(content)
    if not told:
        return ""
    kinds = dict.fromkeys(
        kind for each in content["models"] for kind in each["generalization"]["corruptions"]
    )
    drawn = "".join(
        charts.curves(
            {
                name: each["generalization"]["corruptions"][kind]
                for name, each in zip(names, content["models"], strict=True)
                if kind in each["generalization"]["corruptions"]
            },
            kind,
        )
        for kind in kinds
    )
    samples = content["models"][0]["generalization"]["samples"]
    lead = (
        paragraph(f"{samples} samples, as they are (0) and spoiled at strengths 1 to 5.", small=True)
        if kinds
        else ""
    )
    why = "".join(paragraph(each, small=True) for each in rows.left_out(content) if "corruption" in each)
    return (
        _wide(table(told, header)) + lead + f"<div>{drawn}</div>{charts.legend(names) if kinds else ''}" + why
    )


def _worst(content: Told, names: Sequence[str], shown: Sequence[Mapping[int, str]], key: str) -> str:
    found = ""
    for name, each, pictures in zip(names, content["models"], shown, strict=True):
        cases = each["accuracy"][key]
        if not cases:
            continue
        found += f"<h3>{escape(name)}</h3>"
        drawn = [pictures[case["sample"]] for case in cases[:SHOWN] if case["sample"] in pictures]
        found += f"<div>{''.join(drawn)}</div>" if drawn else _wide(_cases(cases))
    return found


def _cases(cases: Sequence[Told]) -> str:
    """Sound and text are named."""
    told = [
        (
            case["name"],
            case.get("truth", "") or "",
            case.get("answer", "") or "",
            f"{case['score']:.2f}" if "score" in case else f"{case['alone']:.3g}",
        )
        for case in cases
    ]
    return table(told, ("sample", "right", "said", "score" if "score" in cases[0] else "figure"))


def _maps(content: Told, header: Sequence[str], names: Sequence[str]) -> str:
    told = rows.map_rows(content)
    lead = (
        paragraph(
            "Maps show what an answer rests on. They mean something where the score falls sooner, when the places that "
            "the map names are hidden first, than it does with random maps.",
            small=True,
        )
        + _wide(table(told, header))
        if told
        else ""
    )
    drawn = ""
    for name, each in zip(names, content["models"], strict=True):
        maps = each["interpretability"]["drawn"]
        if maps:
            figures = "".join(
                f"<figure>{_shown(one['svg'])}<br>{escape(one['name'])}: {escape(one['target'])}</figure>"
                for one in maps
            )
            drawn += f"<h3>{escape(name)}</h3><div>{figures}</div>"
    why = "".join(paragraph(each, small=True) for each in rows.left_out(content) if "maps:" in each)
    return lead + drawn + why


def _shown(svg: str) -> str:
    """A small picture's map is drawn larger."""
    return svg.replace("<svg ", f'<svg style="min-width:{_WIDE_PX}px" ', 1)


def _sure(content: Told, names: Sequence[str], shown: Sequence[Mapping[int, str]]) -> str:
    """The most confident mistakes, each with the map of what it rests on where there is one."""
    found = ""
    for name, each, pictures in zip(names, content["models"], shown, strict=True):
        cases = each["accuracy"]["confident_mistakes"]
        maps = {one["sample"]: _mistake(one) for one in each["interpretability"]["mistakes"]}
        if not cases:
            continue
        drawn = "".join(
            pictures.get(case["sample"], "") + maps.get(case["sample"], "") for case in cases[:SHOWN]
        )
        listed = "" if pictures else _wide(_cases(cases))
        found += f"<h3>{escape(name)}</h3>{listed}<div>{drawn}</div>"
    lead = "The most confident mistakes, and beside them what the wrong answer rests on:"
    return paragraph(lead) + found if found else ""


def _mistake(case: Told) -> str:
    said = f"{case['name']}: what {case['answer'] or 'none'!r} rests on"
    return f"<figure>{_shown(case['svg'])}<br>{escape(said)}</figure>"


def _why(content: Told) -> str:
    return "".join(paragraph(each, small=True) for each in rows.left_out(content) if "latency" in each)


def _wide(html: str) -> str:
    """Scrolls by itself where the screen is narrower."""
    return f'<div class="wide">{html}</div>' if html else ""
