"""The seam for tasks whose networks call each other: transducers, encoders with decoders, speech."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from edgemm.session import Session


class Driver(Protocol):
    """A task over several parts. Exists so that a stream, a chain and an app use it as they use one model.

    Its session works in steps of one part each, looks between them whether it was cancelled
    (`edgemm.session.Cancellation`), and gives its results with the times of what they were made from.
    """

    name: ClassVar[str]
    roles: ClassVar[tuple[str, ...]]
    """Of its parts: "encoder", "decoder", "joiner"."""

    def session(
        self, recipe: Any, parts: Mapping[str, Any], assets: Mapping[str, Any], options: Mapping[str, Any]
    ) -> Session:
        """The state of a new stream.

        Args:
            recipe: the section of the card, or of the bundle.
            parts: role -> `edgemm.model.part.Part`, made for this session and closed with it.
            assets: name -> what else is needed: token lists, tables.
            options: of the user, at run time.
        """
