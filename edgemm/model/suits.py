"""Whether a file was made for a processor like this one: what is wrong here, and what would be faster."""

from __future__ import annotations

from typing import NamedTuple

from edgemm.artifact import Artifact
from edgemm.instructions import Instructions, instructions
from edgemm.log import ADVICE, LOG

_SIGNED = ("arm", "vnni")
"""Targets whose .onnx files have s8 weights in all 8 bits."""
_UNSIGNED = ("cpu", "x86")
"""Targets whose .onnx files have u8 weights, which every x86 multiplies exactly, and others slowly; or, for cpu, s8 of
7 bits, which all multiply exactly and fast."""
_NARROW = "int8 of 7 bits"
"""What the card says of such weights."""


class Unsuited(NamedTuple):
    """What there is to say."""

    wrong: bool
    """True where answers may be wrong here; False where another file would be faster."""
    sentence: str


def unsuited(artifact: Artifact, here: Instructions | None = None) -> Unsuited | None:
    """What is to be said of running this file here; None where nothing is.

    Of an int8 `.onnx` file that edgemm made: in `.tflite` files weights are the same for all processors.

    Args:
        here: the processor; None: this one.
    """
    card, here = artifact.card, here or instructions()
    made = {} if card is None else card.quantization
    if artifact.format != "onnx" or made.get("scheme") not in ("static", "dynamic", "mixed"):
        return None
    target = made.get("target")
    if target in _SIGNED and here.kind == "x86" and here.target != "vnni":
        return Unsuited(
            True,
            f"it was made for the target {target}, and on x86 without VNNI, as here, products of its weights saturate: "
            "answers may be wrong. Convert it for the target x86",
        )
    if target in _UNSIGNED and here.target in _SIGNED and not _is_narrow(str(made.get("weights", ""))):
        return Unsuited(
            False,
            f"it was made for the target {target}; here a file for the target {here.target} is faster",
        )
    return None


def _is_narrow(weights: str) -> bool:
    """The file's weights are s8 of 7 bits, none of them u8."""
    return _NARROW in weights and "uint8" not in weights


def tell_unsuited(artifact: Artifact) -> None:
    """Logs it: a warning where answers may be wrong, else for those who ask for more."""
    said = unsuited(artifact)
    if said is not None:
        (LOG.warning if said.wrong else ADVICE.info)("%s: %s", artifact.path, said.sentence)
