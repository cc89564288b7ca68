"""How near the answers of a network under training are to the source's, output by output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edgemm.card import OutputCard

LEAST = 1e-6
"""Probabilities and variances are taken to be no smaller."""
Loss = Callable[[Any, Any], Any]


def answers_alike(outputs: Sequence[OutputCard]) -> Loss:
    """The loss: what the network gives and what the source gave -> a tensor of one number, 0 where they are equal.

    The mean squared difference, in parts of the source's variance; of scores of classes, as the card says, the
    divergence of the probabilities too. That alone hardly changes where a network is sure.
    """
    decodes = [each.decode for each in outputs]

    def loss(found: Any, wanted: Any) -> Any:
        given, right = (value if isinstance(value, tuple) else (value,) for value in (found, wanted))
        parts = [
            _apart(mine, his, decode)
            for mine, his, decode in zip(given, right, decodes, strict=True)
            if his.is_floating_point()
        ]
        return sum(parts) / len(parts)

    return loss


def _apart(found: Any, wanted: Any, decode: str) -> Any:
    import torch

    off = (found - wanted).square().mean() / wanted.var(unbiased=False).clamp(min=LEAST)
    if found.shape[-1] < 2 or decode not in ("logits", "probabilities"):
        return off
    if decode == "logits":
        mine, his = (torch.log_softmax(each, dim=-1) for each in (found, wanted))
    else:
        mine, his = (each.clamp(min=LEAST).log() for each in (found, wanted))
    return off + (his.exp() * (his - mine)).sum(-1).mean()
