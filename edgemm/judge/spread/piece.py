"""One piece of work: plain JSON values in, a row of plain JSON values out, wherever it is done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

from edgemm import strict_json
from edgemm.errors import EdgemmError, InputError, MachineShortage
from edgemm.judge.spread.files import require_files
from edgemm.version import __version__

Json = dict[str, Any]


class Answer(NamedTuple):
    """What came of a piece."""

    row: Json | None
    """None where it failed."""
    reason: str = ""
    """Why it failed, in a sentence."""
    final: bool = True
    """To try again does not help."""

    def encoded(self) -> str:
        """One line of JSON."""
        return strict_json.line(self._asdict())

    def given_up(self, tries: int) -> Answer:
        """Not tried any more."""
        return self._replace(reason=f"{self.reason}; given up" + f" after {tries} tries" * (tries > 1))

    @classmethod
    def decoded(cls, line: str | bytes) -> Answer:
        """From `encoded`."""
        return cls(**json.loads(line))


def key_of(piece: Mapping[str, Any]) -> str:
    """What a piece is known by: equal pieces of one version of edgemm have equal rows.

    Raises:
        InputError: it holds something else than plain JSON values.
    """
    try:
        text = json.dumps(piece, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"a piece of work: expected plain JSON values, found others ({error})") from error
    return hashlib.sha256(f"{__version__}\n{text}".encode()).hexdigest()[:32]


def do(entry: str, piece: Json) -> Answer:
    """Does one piece in this process. Nothing is raised but what ends a program.

    Args:
        entry: "module:function", which is given the piece and returns its row.
        piece: with `files`, path -> hash (`file_hash`), where it reads any.
    """
    try:
        require_files(piece.get("files", {}))
        row = _function(entry)(piece)
        if not isinstance(row, dict):
            raise InputError(f"{entry}: expected a row as a dictionary, found {type(row).__name__}")
        # the same numbers wherever it was done: what JSON keeps of them
        return Answer(json.loads(strict_json.line(row)))
    except MachineShortage as error:
        return Answer(None, str(error), final=False)
    except EdgemmError as error:
        return Answer(None, str(error))
    except Exception as error:  # noqa: BLE001 - told where the piece came from
        return Answer(None, f"{type(error).__name__}: {error}", final=False)


def _function(entry: str) -> Callable[[Json], Any]:
    module, _, name = entry.partition(":")
    found: Callable[[Json], Any] = getattr(import_module(module), name)
    return found
