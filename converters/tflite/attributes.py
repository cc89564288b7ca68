"""A node's attributes: one that the lowering does not read is an error, never ignored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import onnx_ir as ir

from edgemm.errors import UnsupportedOperator


class Attributes:
    """What a lowering reads of a node; `done()` refuses what was left unread."""

    def __init__(self, node: ir.Node) -> None:
        self._node = node
        self._unread = set(node.attributes)

    def _take(self, name: str) -> ir.Attr | None:
        self._unread.discard(name)
        return self._node.attributes.get(name)

    def integer(self, name: str, default: int) -> int:
        """An INT attribute."""
        found = self._take(name)
        return default if found is None else found.as_int()

    def number(self, name: str, default: float) -> float:
        """A FLOAT attribute."""
        found = self._take(name)
        return default if found is None else found.as_float()

    def text(self, name: str, default: str) -> str:
        """A STRING attribute."""
        found = self._take(name)
        return default if found is None else found.as_string()

    def integers(self, name: str, default: Sequence[int]) -> tuple[int, ...]:
        """An INTS attribute."""
        found = self._take(name)
        return tuple(default) if found is None else tuple(found.as_ints())

    def texts(self, name: str) -> tuple[str, ...]:
        """A STRINGS attribute, empty where it is not there."""
        found = self._take(name)
        return () if found is None else tuple(found.as_strings())

    def numbers(self, name: str) -> tuple[float, ...]:
        """A FLOATS attribute, empty where it is not there."""
        found = self._take(name)
        return () if found is None else tuple(found.as_floats())

    def done(self) -> None:
        """Every attribute was read.

        Raises:
            UnsupportedOperator: some were not.
        """
        if self._unread:
            refuse(
                self._node,
                f"attribute {', '.join(sorted(self._unread))} is not expressed in TFLite",
                "Convert to .onnx, or export the model without it",
            )


def refuse(node: ir.Node, reason: str, remedy: str) -> NoReturn:
    """Raises UnsupportedOperator in the words that all lowerings use."""
    raise UnsupportedOperator(f"node {node.name!r} ({node.op_type}): {reason}. {remedy}")
