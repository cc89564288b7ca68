"""How a file is run as a part: with sizes that it leaves open, or with several signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgemm.tensors import TensorSpec

if TYPE_CHECKING:
    from edgemm.artifact import Artifact


def leaves_open(artifact: Artifact) -> bool:
    """True where neither the file nor its card says all sizes, or a state of the card grows. An .ort file is read by
    ONNX Runtime alone, and taken for one of open sizes.

    Raises:
        DamagedArtifact: an .onnx file that does not hold together.
    """
    if artifact.format == "ort":
        return True
    if artifact.format == "tflite":
        return False
    from edgemm.card.fit import said_shapes
    from edgemm.foreign.onnx_file import read_onnx

    if artifact.card is not None and any(pair.kind == "grow" for pair in artifact.card.states):
        return True
    outside, said = read_onnx(artifact.payload), said_shapes(artifact.card)

    def is_open(spec: TensorSpec) -> bool:
        return spec.open and not (said.get(spec.name) and spec.takes(said[spec.name]))

    return any(map(is_open, (*outside.inputs, *outside.outputs)))


def has_signatures(artifact: Artifact) -> bool:
    """True for a .tflite file of several signatures that can be run side by side.

    Raises:
        DamagedArtifact: it does not hold together.
    """
    from edgemm.errors import DamagedArtifact
    from edgemm.foreign.flatbuffer import BadFlatbuffer
    from edgemm.foreign.tflite_file import signature_names

    if artifact.format != "tflite":
        return False
    try:
        return bool(signature_names(artifact.payload))
    except BadFlatbuffer as error:
        raise DamagedArtifact(f"{artifact.path}: {error}. Copy or convert it again") from error
