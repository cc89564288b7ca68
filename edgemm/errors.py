"""Every error that edgemm raises on purpose, in one tree.

    EdgemmError                       exit code 1
        MachineShortage               1   no memory, file descriptor, process or disk space was left
        InputError (ValueError)       2   an argument, a tensor or a picture does not fit
        FidelityMissed                3   the converted model lost more than its gate allows
        LatencyMissed                 4   a latency gate was missed
        DelegateError                 5
            DelegateMissing           5   the named accelerator is not here
            DelegateFailed            5   it is here and does not work, or took no operator
        ArtifactError                 6
            DamagedArtifact           6   truncated, altered, or no model at all
            CardError                 6   the card inside cannot be understood
            UnsupportedVersion        6   made for a newer edgemm or runtime
        SourceError                   7
            SourceNotFound            7   no such camera, file or microphone
            SourceLost                7   it was there and went away
            SourceTimeout             7   it is there and gives nothing
        MissingDependency             8   a package is not installed
        ConversionError               9
            UnsupportedOperator       9   an operator or attribute that cannot be expressed
            CalibrationError          9   the calibration data is plainly wrong

A message says what was expected, what was found, and what to do next.
"""

from __future__ import annotations

from typing import Any


class EdgemmError(Exception):
    """Root of the tree. `exit_code` is what the command line returns for it."""

    exit_code: int = 1


class MachineShortage(EdgemmError):
    """The machine had no memory, file descriptor, process or disk space left: try again when it has."""


class InputError(EdgemmError, ValueError):
    """A value handed in by the caller does not fit what is expected."""

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
    """The accelerator is there and failed, or took none of the operators."""


class ArtifactError(EdgemmError):
    """A model file cannot be used."""

    exit_code = 6


class DamagedArtifact(ArtifactError):
    """The file is truncated, altered since it was written, or not a model."""


class CardError(ArtifactError):
    """The card is not valid JSON, or holds an invalid value."""


class UnsupportedVersion(ArtifactError):
    """The file was made for a newer edgemm, or a newer runtime than the one here."""


class SourceError(EdgemmError):
    """A camera, microphone, file or stream failed."""

    exit_code = 7


class SourceNotFound(SourceError):
    """There is no such device, file or address."""


class SourceLost(SourceError):
    """The source was delivering and stopped for good."""


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


class ConversionError(EdgemmError):
    """The model cannot be converted."""

    exit_code = 9


class UnsupportedOperator(ConversionError):
    """An operator, attribute or shape that the output format cannot express."""


class CalibrationError(ConversionError):
    """The calibration data is plainly not what the model will see."""


class FidelityMissed(ConversionError):
    """The int8 model differs from the float model by more than the gate allows."""

    exit_code = 3
    conversion: Any = None
    """What was measured, an `edgemm.converters.Conversion` without a file; None where nothing was."""
