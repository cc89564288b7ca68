"""From the outputs of a model to its result. One folder per task; nothing here runs a model.

`open_decoder(card, specs)` opens what a card's task needs. The table of tasks is `edgemm.card.tasks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgemm.card.model_card import ModelCard
from edgemm.card.tasks import RESERVED, TASKS, find_task, task_names
from edgemm.errors import CardError, UnsupportedVersion
from edgemm.lazy_names import lazy_names
from edgemm.tensors import TensorSpec

if TYPE_CHECKING:
    from edgemm.tasks.decoder import Decoder as Decoder

__getattr__, __dir__ = lazy_names(__name__, {"Decoder": "decoder"})


def open_decoder(card: ModelCard, specs: Sequence[TensorSpec]) -> Decoder:
    """What turns the outputs of a model into the results that its card's task asks for.

    Args:
        card: with `task`, its recipe (None: all defaults), `outputs`, `labels`.
        specs: the file's outputs, in its order.

    Raises:
        CardError: the card and the outputs do not fit.
        UnsupportedVersion: a task that this version does not decode.
    """
    task = find_task(card.task)
    if task is None:
        raise UnsupportedVersion(
            f'{undecoded(card)}. Upgrade edgemm; or, for the outputs as they are, say "task": "tensors" in the card, '
            "or call model.run(...) in Python"
        )
    if card.recipe is not None and not isinstance(card.recipe, task.Recipe):
        raise CardError(
            f"recipe: expected {task.Recipe.__name__} for task {card.task!r}, found {type(card.recipe).__name__}"
        )
    opened: Decoder = task.open(card, task.Recipe() if card.recipe is None else card.recipe, specs)
    if card.task in TASKS:
        return opened
    from edgemm.tasks.checked import CheckedDecoder

    return CheckedDecoder(card.task, opened)


def undecoded(card: ModelCard) -> str:
    """That this version does not decode the card's task, without a full stop; "" where it does."""
    if find_task(card.task) is not None:
        return ""
    known = [name for name in task_names() if name not in RESERVED]
    return f"task {card.task!r}: this edgemm decodes {', '.join(known)}"


__all__ = ["Decoder", "open_decoder", "undecoded"]
