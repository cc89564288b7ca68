"""A map as SVG, for a page: a picture, a spectrogram with its axes, or a text whose words are coloured."""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from edgemm.drawing.heat import ABOVE, BELOW, OPACITY, relative
from edgemm.judge.maps.map import Map
from edgemm.judge.maps.paint import draw, png
from edgemm.opencv import opencv

MOST_PX = 480
"""Of the longer side of a picture: a larger one is made smaller."""
_LETTER_PX, _LINE_PX, _MARGIN_PX = 10, 30, 48
_LINE_LETTERS = 60
_TICKS = 5


def svg(found: Map, x: Any = None, *, sample_rate: int | None = None) -> str:
    """A document of its own, also to be put into HTML as it stands.

    Args:
        x: the input that the map is of; not needed for texts.
        sample_rate: hertz, of bare samples.

    Raises:
        InputError: the map is of another input.
        MissingDependency: OpenCV is not installed, which draws pictures and spectrograms.
    """
    title = f"{found.target} ({found.score:.2f}), {found.method}"
    if found.kind == "text":
        return _text(found, title)
    pixels = draw(found, x, sample_rate=sample_rate)
    if found.kind == "image":
        pixels = _small(pixels)
    height, width = pixels.shape[:2]
    picture = f'href="data:image/png;base64,{b64encode(png(pixels)).decode("ascii")}"'
    if found.kind == "image":
        return _document(width, height, title, f'<image width="{width}" height="{height}" {picture}/>')
    shown = f'<image x="{_MARGIN_PX}" width="{width}" height="{height}" {picture}/>'
    return _document(width + _MARGIN_PX, height + _LINE_PX, title, shown + _axes(found, width, height))


def _small(pixels: Any) -> Any:
    """A photograph no larger than a page shows it."""
    height, width = pixels.shape[:2]
    scale = MOST_PX / max(height, width)
    if scale >= 1:
        return pixels
    size_wh = max(1, round(width * scale)), max(1, round(height * scale))
    return opencv().resize(pixels, size_wh, interpolation=opencv().INTER_AREA)


def _document(width: int, height: int, title: str, content: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img"><title>{escape(title)}</title>{content}</svg>'
    )


def _axes(found: Map, width: int, height: int) -> str:
    """Seconds below, kilohertz at the left."""
    said = []
    for share in np.linspace(0, 1, _TICKS).tolist():
        seconds, hertz = float(found.times_s[-1]) * share, float(found.hertz[-1]) * share
        anchor = "start" if share == 0 else "end" if share == 1 else "middle"
        said.append(_label(_MARGIN_PX + share * width, height + 20, f"{seconds:.2f} s", anchor))
        said.append(_label(_MARGIN_PX - 4, 10 + (1 - share) * (height - 10), f"{hertz / 1000:.1f}k", "end"))
    return "".join(said)


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="12" font-family="sans-serif">'
        f"{escape(text)}</text>"
    )


def _text(found: Map, title: str) -> str:
    pieces, at, line = [], 0, 0
    for word, share in zip(found.words, relative(found.values).tolist(), strict=True):
        if at and at + len(word) > _LINE_LETTERS:
            at, line = 0, line + 1
        x, y, wide = at * _LETTER_PX + 4, line * _LINE_PX + 4, len(word) * _LETTER_PX
        red, green, blue = ABOVE if share > 0 else BELOW
        pieces.append(
            f'<rect x="{x - 3}" y="{y}" width="{wide + 6}" height="22" rx="3" fill="rgb({red},{green},{blue})" '
            f'fill-opacity="{abs(share) * OPACITY:.3f}"/>'
            f'<text x="{x}" y="{y + 16}" textLength="{wide}" font-size="16" font-family="monospace">'
            f"{escape(_printable(word))}</text>"
        )
        at += len(word) + 1
    widest = max([_LINE_LETTERS, *(len(word) for word in found.words)])
    return _document(widest * _LETTER_PX + 8, (line + 1) * _LINE_PX, title, "".join(pieces))


def _printable(word: str) -> str:
    """XML has no sign for most control characters."""
    return "".join(each if each.isprintable() else "\ufffd" for each in word)
