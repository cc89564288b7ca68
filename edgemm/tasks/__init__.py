"""Decoding: from a model's outputs to a result. One file per task; nothing here runs a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from edgemm.card import ModelCard
from edgemm.errors import UnsupportedVersion
from edgemm.tasks.classification import ClassificationDecoder
from edgemm.tasks.keyword import KeywordDecoder, KeywordSpotter
from edgemm.tasks.task import Decoder, Outputs
from edgemm.tasks.tensors import TensorsDecoder
from edgemm.tensors import TensorSpec

DECODERS: Mapping[str, Callable[[ModelCard, Sequence[TensorSpec]], Decoder]] = {
    "classification": ClassificationDecoder,
    "keyword": KeywordDecoder,
    "tensors": TensorsDecoder,
}
"""Task of a card -> what decodes it."""


def decoder(card: ModelCard, specs: Sequence[TensorSpec]) -> Decoder:
    """What turns the outputs of a model into the result that its card's task asks for.

    Args:
        card: with `task`, `outputs`, `labels`.
        specs: the file's outputs, in its order.

    Raises:
        CardError: the card and the outputs do not fit.
        UnsupportedVersion: a task that this version does not decode.
    """
    if card.task not in DECODERS:
        raise UnsupportedVersion(
            f'{undecoded(card)}. Upgrade edgemm; or, for the outputs as they are, say "task": "tensors" in the card, '
            "or call model.run(...) in Python"
        )
    return DECODERS[card.task](card, specs)


def undecoded(card: ModelCard) -> str:
    """That this version does not decode the card's task, without a full stop; "" where it does."""
    if card.task in DECODERS:
        return ""
    return f"task {card.task!r}: this edgemm decodes {', '.join(DECODERS)}"


__all__ = ["DECODERS", "Decoder", "KeywordDecoder", "KeywordSpotter", "Outputs", "decoder", "undecoded"]
