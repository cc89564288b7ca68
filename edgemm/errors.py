"""Every error that edgemm raises on purpose, in one tree.

    EdgemmError                       exit code 1
        MachineShortage               1   no memory, file descriptor, process or disk space was left
        InputError (ValueError)       2   an argument, a tensor or a picture is not what was expected
        FidelityMissed                3   the converted model lost more than its gate allows
        LatencyMissed                 4   a latency gate was missed
        DelegateError                 5
            DelegateMissing           5   the named accelerator is not here
            DelegateFailed            5   it is here and does not work, or can run no operator of the model
        ArtifactError                 6
            DamagedArtifact           6   truncated, altered, or no model at all
            CardError                 6   the card cannot be understood
            UnsupportedVersion        6   made for a newer edgemm or runtime
        SourceError                   7
            SourceNotFound            7   no such camera, microphone or address
                UnknownSource         2   no such file, or no such kind of source: to try again does not help
            SourceLost                7   it was there and went away
            SourceTimeout             7   it is there and gives nothing
        MissingDependency             8   a package is not installed
        ConversionError               9
            UnsupportedOperator       9   an operator or attribute that cannot be expressed
            CalibrationError          2   the calibration data cannot be what the model will see

A message says what was expected, what was found, and what to do next.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class EdgemmError(Exception):
    """Root of the tree. `exit_code` is what the command line returns for it.

    Passwords and tokens in addresses are left out of the message, whoever raises it.
    """

    exit_code: int = 1

    def __init__(self, *args: object) -> None:
        super().__init__(*map(_shown, args))


def _shown(argument: object) -> object:
    if not isinstance(argument, str):
        return argument
    try:
        from edgemm.redaction import (
            without_secrets,  # 5 ms, which a program that meets no error need not wait for
        )

        return without_secrets(argument)
    except (
        MemoryError,
        ImportError,
        OSError,
    ):  # no memory, or no file descriptor: an error is made because of it
        return argument if "://" not in argument and "=" not in argument else "there is not enough memory"


class MachineShortage(EdgemmError):
    """The machine had no memory, file descriptor, process or disk space left: try again when it has."""


class InputError(EdgemmError, ValueError):
    """An argument, or a file that the caller named, is not what was expected."""

    exit_code = 2


class LatencyMissed(EdgemmError):
    """A measured latency is above the limit that the caller set."""

    exit_code = 4


class DelegateError(EdgemmError):
    """Something is wrong with an accelerator."""

    exit_code = 5


class DelegateMissing(DelegateError):
    """The accelerator's library or device is not on this machine."""


class DelegateFailed(DelegateError):
    """The accelerator is there and failed, or can run none of the operators."""


class ArtifactError(EdgemmError):
    """A model file cannot be used."""

    exit_code = 6


class DamagedArtifact(ArtifactError):
    """The file is truncated, altered since it was written, or not a model."""


class CardError(ArtifactError):
    """The card is not valid JSON, or has a value that is out of range."""


class CardWarning(UserWarning):
    """A card has a key that is not known, and is read without it. A warning of Python's `warnings`, not an error."""


class UnsupportedVersion(ArtifactError):
    """The file was made for a newer edgemm, or a newer runtime than the one here."""


class SourceError(EdgemmError):
    """A camera, microphone, file or stream failed."""

    exit_code = 7


class SourceNotFound(SourceError):
    """There is no such device or address."""


class UnknownSource(SourceNotFound):
    """The name leads to no file, and to no kind of source that is known.

    A device may come back, so a supervisor tries again (exit code 7); a name that is wrong stays wrong.
    """

    exit_code = 2


class SourceLost(SourceError):
    """The source delivered frames or sound, and stopped for good."""


class SourceTimeout(SourceError):
    """The source is there and delivers nothing."""


class MissingDependency(EdgemmError, ImportError):
    """A package that this feature needs is not installed, or is and cannot be imported.

    Attributes:
        install_command: the command that installs it.
    """

    exit_code = 8
    INSTALL = " is not installed. Install it with: "

    def __init__(self, feature: str, extra: str = "", *, command: str = "", broken: str = "") -> None:
        """Args:
        feature: what is missing.
        extra: the extra of edgemm that installs it.
        command: what installs it when that is no extra, but a package of the system.
        broken: why it cannot be imported, where it is installed.
        """
        self.install_command = command or f'pip install "edgemm[{extra}]"'
        said = (
            f" is installed and cannot be imported ({broken}). Install it again with: "
            if broken
            else self.INSTALL
        )
        super().__init__(f"{feature}{said}{self.install_command}")

    @classmethod
    def from_text(cls, text: str) -> MissingDependency:
        """The error with exactly this text: one from another process, or one that no command mends."""
        error = cls("")
        error.install_command = text.partition(" with: ")[2]
        error.msg, error.args = text, (text,)
        return error


class ConversionError(EdgemmError):
    """The model cannot be converted."""

    exit_code = 9


class UnsupportedOperator(ConversionError):
    """An operator, attribute or shape that the output format cannot express."""


class CalibrationError(ConversionError):
    """The calibration data cannot be what the model will see: NaN, a constant, normalised twice."""

    exit_code = 2


class FidelityMissed(ConversionError):
    """The int8 model differs from the float model by more than the gate allows."""

    exit_code = 3
    conversion: Any = None
    """What was measured, an `edgemm.converters.Conversion` without a file; None where nothing was."""


class TrainingError(EdgemmError):
    """Training went wrong: a loss, a gradient or a score is not finite."""

    exit_code = 3


@contextmanager
def naming(where: object, advice: str = "") -> Iterator[None]:
    """Inside, an error about a card begins with the file that it stands in.

    Args:
        advice: a sentence that is put behind it, without a full stop.
    """
    try:
        yield
    except (CardError, UnsupportedVersion) as error:
        said = f"{error}" if not advice else f"{error}{'' if str(error).endswith('?') else '.'} {advice}"
        raise type(error)(f"{where}: {said}") from error
