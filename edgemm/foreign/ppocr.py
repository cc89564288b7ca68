"""PP-OCR's text recognisers: their alphabet stands in metadata_props under `character`, one character a line."""

from __future__ import annotations

import re
from collections.abc import Mapping

from edgemm.foreign.draft import MAX_LABELS, Draft, Outside

BLANK, SPACE = "blank", " "
"""What stands before and behind the alphabet in the scores: nothing, and a space."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def from_properties(properties: Mapping[str, str]) -> tuple[str, ...]:
    """The characters, in order; () where there are none."""
    lines = properties.get("character", "").splitlines()
    return tuple(lines) if 1 < len(lines) < MAX_LABELS and all(len(each) <= 8 for each in lines) else ()


def card(alphabet: tuple[str, ...], file: Outside) -> Draft:
    """Task tensors, with one label for each score: the text is not read out of them by this version."""
    draft = Draft()
    scores = file.outputs[0].shape[-1] if file.outputs and file.outputs[0].shape else 0
    plain = tuple(_CONTROL.sub("", each) for each in alphabet)
    rows = (BLANK, *plain, SPACE) if scores in (0, -1, len(plain) + 2) else (BLANK, *plain)
    draft.content["task"] = "tensors"
    draft.outputs(file.outputs)
    if scores in (0, -1, len(rows)):
        draft.content["labels"] = list(rows)
        draft.say(f"an alphabet of {len(plain)} characters; label 0 is the blank of CTC")
    else:
        draft.say(f"an alphabet of {len(plain)} characters, and {scores} scores: it is left out")
    draft.say("a text recogniser: this version gives its scores as they are")
    return draft
