"""The filters, by name, and how one is written: `canny?low=50&high=150`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from urllib.parse import unquote

from edgemm.card.options import from_words, with_changes
from edgemm.choices import choice
from edgemm.errors import InputError
from edgemm.filters.kernel import Recipe

FILTERS: Mapping[str, str] = {
    "blur": "smoothing:Blur",
    "gaussian": "smoothing:Gaussian",
    "median": "smoothing:Median",
    "bilateral": "smoothing:Bilateral",
    "sharpen": "smoothing:Sharpen",
    "gray": "levels:Gray",
    "invert": "levels:Invert",
    "equalize": "levels:Equalize",
    "clahe": "levels:Clahe",
    "threshold": "levels:Threshold",
    "adaptive": "levels:Adaptive",
    "sobel": "edges:Sobel",
    "scharr": "edges:Scharr",
    "laplacian": "edges:Laplacian",
    "canny": "edges:Canny",
    "erode": "morphology:Erode",
    "dilate": "morphology:Dilate",
    "open": "morphology:Open",
    "close": "morphology:Close",
    "gradient": "morphology:Gradient",
    "tophat": "morphology:TopHat",
    "blackhat": "morphology:BlackHat",
}
"""Name -> module of this package and class."""


def find_filter(name: str) -> type[Recipe]:
    """The settings of the filter of this name.

    Raises:
        InputError: there is none; the message has the near one.
    """
    module, _, attribute = FILTERS[choice("filter", name, tuple(FILTERS))].partition(":")
    found: type[Recipe] = getattr(import_module(f"edgemm.filters.{module}"), attribute)
    return found


def read_filter(text: str) -> tuple[str, Recipe]:
    """A filter's name and settings from `NAME` or `NAME?SETTING=VALUE&SETTING=VALUE`.

    Raises:
        InputError: no such filter or setting, or a value of another type or out of bounds; says which.
    """
    if not isinstance(text, str):
        raise InputError(
            f"filter: expected a name, as 'canny', with its settings behind a question mark, found {text!r}"
        )
    name, question, settings = text.partition("?")
    if "?" in settings:
        raise InputError(f"filter: expected settings joined by &, found a second question mark in {text!r}")
    kind = find_filter(name)
    words = [unquote(each) for each in settings.split("&")] if question and settings else []
    return name, with_changes(kind(), from_words(words), f"the filter {name}")
