"""The report page: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import numpy.typing as npt

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d2129;background:#fff}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem;border-top:1px solid #d5d8de;padding-top:1rem}
table{border-collapse:collapse;margin:.8rem 0}
td,th{padding:.25rem .8rem;border-bottom:1px solid #d5d8de;text-align:right}
td:first-child,th:first-child{text-align:left}svg{margin:.6rem 1rem .6rem 0;max-width:100%;height:auto;font-size:11px}
figure{display:inline-block;margin:.3rem;text-align:center;font-size:12px}img{image-rendering:pixelated}
.wide{overflow-x:auto}.wide svg{max-width:none}h3{font-size:1rem;margin:1rem 0 .2rem}
caption{text-align:left;color:#6b7078;font-size:13px;padding:.2rem 0}
.words td,.words th{text-align:left;overflow-wrap:break-word}
.words td:last-child{overflow-wrap:anywhere;min-width:11rem}
.cases figure{width:150px;vertical-align:top;overflow-wrap:anywhere}summary{cursor:pointer}li{margin:.3rem 0}
.verdict{border-left:6px solid;padding:.2rem 1rem;background:#f4f5f7}
.good{border-color:#3a9a5b}.bad{border-color:#c2453c}
.miss{color:#c2453c;font-weight:600}.ok{color:#3a9a5b}pre{overflow-x:auto;font-size:12px}p.small{color:#6b7078;font-size:13px}
@media (max-width:40rem){table{display:block;overflow-x:auto}.wide table{display:table}
video{max-width:100%;height:auto}}
@media (prefers-color-scheme:dark){body{background:#15171b;color:#e3e5e9}td,th,h2{border-color:#3a3f47}
.verdict{background:#20242b}p.small,caption{color:#a3a8b2}.miss{color:#ef8a82}.ok{color:#6cc58c}a{color:#8ab4f8}}
"""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and ready HTML under it."""

    title: str
    html: str


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """The whole page."""
    body = "".join(f"<h2>{escape(section.title)}</h2>\n{section.html}\n" for section in sections)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n<p>{escape(lead)}</p>\n{body}</body></html>\n"
    )


def table(
    rows: Sequence[Sequence[object]], header: Sequence[str], caption: str = "", *, words: bool = False
) -> str:
    """An HTML table; a cell that starts with "!" is shown as a miss.

    Args:
        words: cells hold words, which begin at the left, and not numbers.
    """
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join("<tr>" + "".join(_cell(str(cell)) for cell in row) + "</tr>" for row in rows)
    told = f"<caption>{escape(caption)}</caption>" if caption else ""
    shown = f"<tr>{head}</tr>" if any(header) else ""
    return f"<table{' class=words' if words else ''}>{told}{shown}{body}</table>"


def _cell(text: str) -> str:
    if text.startswith("!"):
        return f'<td class="miss">{escape(text[1:])}</td>'
    return f"<td>{escape(text)}</td>"


def paragraph(text: str, *, small: bool = False) -> str:
    """A paragraph of plain text."""
    return f'<p class="small">{escape(text)}</p>' if small else f"<p>{escape(text)}</p>"


def preformatted(text: str) -> str:
    """Lines whose columns are aligned."""
    return f"<pre>{escape(text)}</pre>"


def video(path: Path) -> str:
    """A film (.webm) inside the page."""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    how = 'width="480" controls loop muted autoplay playsinline'
    return f'<p><video {how} src="data:video/webm;base64,{data}"></video></p>'


def picture(pixels: npt.NDArray[np.uint8], caption: str, *, width: int = 84, right: bool = True) -> str:
    """A picture inside the page, with what the model said under it."""
    import cv2

    _, png = cv2.imencode(".png", pixels)
    data = base64.b64encode(png.tobytes()).decode("ascii")
    kind = "ok" if right else "miss"
    return (
        f'<figure><img width="{width}" alt="{escape(caption)}" src="data:image/png;base64,{data}">'
        f'<br><span class="{kind}">{escape(caption)}</span></figure>'
    )
