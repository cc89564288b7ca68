"""Tokens that stand for times: when they may be written, and what they say.

They stand in pairs: the begin of a piece of text, the text, its end; the rules are those by which Whisper was
trained (Radford et al. 2022, "Robust speech recognition via large-scale weak supervision").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgemm.tasks.attention.recipe import AttentionRecipe

Scores = npt.NDArray[np.float32]


class Piece(NamedTuple):
    """Tokens between two times."""

    begin_s: float
    """Seconds since the utterance's first sample."""
    end_s: float | None
    """None: it was not told."""
    tokens: tuple[int, ...]


def allow(scores: Scores, written: Sequence[int], recipe: AttentionRecipe) -> None:
    """Sets what may not follow to minus infinity.

    Args:
        scores: float32[tokens], natural logarithms of probabilities; changed.
        written: tokens behind the prompt.
        recipe: which tokens stand for times.
    """
    first = recipe.timestamps
    last_is_time = bool(written) and written[-1] >= first
    before_is_time = len(written) < 2 or written[-2] >= first
    if last_is_time and before_is_time:
        scores[first:] = -np.inf  # a begin was told: text follows
    elif last_is_time:
        scores[: recipe.end] = -np.inf  # an end was told: a begin follows, or nothing
        scores[recipe.end + 1 : first] = -np.inf
    times = [each for each in written if each >= first]
    if times:
        least = times[-1] if last_is_time and not before_is_time else times[-1] + 1
        scores[first:least] = -np.inf
    if not written:
        scores[:first] = -np.inf
        scores[first + round(recipe.first_timestamp_s / recipe.timestamp_s) + 1 :] = -np.inf
        return
    of_times, of_text = scores[first:], scores[:first]
    if of_times.size and np.logaddexp.reduce(of_times) > of_text.max():
        scores[:first] = -np.inf  # all times together are more likely than any one other token


def pieces(written: Sequence[int], recipe: AttentionRecipe) -> list[Piece]:
    """What was written between which times."""
    found: list[Piece] = []
    tokens: list[int] = []
    begin_s = 0.0
    for each in written:
        if each < recipe.timestamps:
            tokens.append(each)
            continue
        at_s = round((each - recipe.timestamps) * recipe.timestamp_s, 4)
        if tokens:
            found.append(Piece(begin_s, at_s, tuple(tokens)))
            tokens = []
        begin_s = at_s
    return [*found, Piece(begin_s, None, tuple(tokens))] if tokens else found
