"""From an exception to what the command line says and returns."""

from __future__ import annotations

import errno
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from edgemm.cli.output import emit_line, print_json
from edgemm.errors import CardWarning, EdgemmError
from edgemm.redaction import without_secrets

SCHEMA = "edgemm.error/1"
INTERRUPTED = 130
"""As shells have it: 128 and the number of SIGINT."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, for people and for programs."""

    error: str
    """Name of the class of the error."""
    message: str
    exit_code: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"error": self.error, "message": self.message, "exit_code": self.exit_code}


def failure(error: BaseException, *, verbose: bool = False) -> Failure:
    """What to say about an exception.

    Args:
        verbose: the traceback is shown anyway.
    """
    name = type(error).__name__
    if isinstance(error, EdgemmError):
        return Failure(name, str(error), error.exit_code)
    if isinstance(error, KeyboardInterrupt):
        return Failure(name, "interrupted", INTERRUPTED)
    if isinstance(error, MemoryError):
        return Failure(name, "there is not enough memory for this. Use a smaller model or less data", 1)
    if isinstance(error, OSError):
        return Failure(name, _of_system(error), 1)
    how = "" if verbose else ", and what the same command says with --verbose"
    return Failure(
        name, f"internal error, {name}: {error}. This is a fault in edgemm: please report it{how}", 1
    )


def _of_system(error: OSError) -> str:
    """ "out/x.json: No space left on device"."""
    if error.strerror is None:
        return str(error) or type(error).__name__
    if error.filename is None and error.errno == errno.ENOSPC:  # files that are written have a name
        return f"standard output: {error.strerror}"
    return f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror


def report(
    error: BaseException,
    *,
    as_json: bool,
    in_lines: bool = False,
    verbose: bool = False,
    measured: Mapping[str, Any] | None = None,
) -> int:
    """One line on stderr, and with `--json` one object on stdout; the exit code.

    Args:
        in_lines: the object takes one line, as all that the command writes.
        measured: the object that the command had made before: it stands in the error under the key "measured".
    """
    told = failure(error, verbose=verbose)
    found = replace(told, message=without_secrets(told.message))
    with suppress(OSError, ValueError):  # stderr's reader is gone
        if verbose:
            print(without_secrets("".join(traceback.format_exception(error))), file=sys.stderr, end="")
        print(f"edgemm: {found.message}", file=sys.stderr, flush=True)
    if as_json:
        content = {"schema": SCHEMA, **found.to_json(), **({"measured": measured} if measured else {})}
        with suppress(BrokenPipeError):  # the exit code tells it all the same
            (emit_line if in_lines else print_json)(content)
    return found.exit_code


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Inside, a warning about a card is one line on stderr, as an error is, without a place in the program."""
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **line: Any) -> None:
            if not issubclass(category, CardWarning):
                others(message, category, *place, **line)
                return
            with suppress(OSError, ValueError):  # stderr's reader is gone
                print(f"edgemm: {message}", file=sys.stderr, flush=True)

        warnings.showwarning = show
        warnings.simplefilter("always", CardWarning)
        yield
