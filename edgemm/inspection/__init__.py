"""What is in an artifact, read from its bytes: operators by precision, tensors, size, card."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgemm.artifact import Artifact, read_artifact
from edgemm.card import ModelCard
from edgemm.errors import DamagedArtifact, UnsupportedVersion
from edgemm.foreign import ForeignCard, foreign_card
from edgemm.inspection.structure import Precision, Structure
from edgemm.tensors import TensorSpec


@dataclass(frozen=True, slots=True)
class Operators:
    """All operators of one kind that compute alike."""

    name: str
    """The format's own name for it: "CONV_2D", "Conv"."""
    count: int
    precision: Precision


@dataclass(frozen=True, slots=True)
class Inspection:
    """The structure of one file."""

    path: Path
    format: str
    size_bytes: int
    card: ModelCard | None
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    operators: tuple[Operators, ...]
    goldens: int
    """How many goldens the file carries."""
    foreign: ForeignCard | None = None
    """What a file without a card says about itself in another project's way."""

    @property
    def float_operators(self) -> tuple[Operators, ...]:
        """Those that compute in float, conversions between float and integer not counted."""
        return tuple(each for each in self.operators if each.precision == "float")

    def to_json(self) -> dict[str, Any]:
        """The keys that scripts rely on."""

        def tensor(spec: TensorSpec) -> dict[str, Any]:
            grid = {"scale": spec.scale, "zero_point": spec.zero_point}
            return {"name": spec.name, "shape": list(spec.shape), "dtype": spec.dtype, **grid}

        return {
            "file": str(self.path),
            "format": self.format,
            "size_bytes": self.size_bytes,
            "card": None if self.card is None else self.card.to_dict(),
            "inputs": [tensor(spec) for spec in self.inputs],
            "outputs": [tensor(spec) for spec in self.outputs],
            "operators": [
                {"name": each.name, "count": each.count, "precision": each.precision}
                for each in self.operators
            ],
            "float_operators": [{"name": each.name, "count": each.count} for each in self.float_operators],
            "goldens": self.goldens,
            "foreign": None if self.foreign is None else self.foreign.to_json(),
        }


def inspect(path: str | Path) -> Inspection:
    """Reads the structure of an artifact, or of any .tflite or .onnx file; nothing of it is run.

    Raises:
        DamagedArtifact: the file does not hold together.
        MissingDependency: a .tflite file, and LiteRT, which has the schema, is not installed.
        UnsupportedVersion: an .ort file.
    """
    return inspect_artifact(read_artifact(path))


def inspect_artifact(artifact: Artifact) -> Inspection:
    """The structure of one that was read already.

    Raises:
        DamagedArtifact, MissingDependency: as `inspect`.
    """
    found = read_structure(artifact)
    counted = Counter(found.operators)
    return Inspection(
        artifact.path,
        artifact.format,
        artifact.size_bytes,
        artifact.card,
        found.inputs,
        found.outputs,
        tuple(Operators(name, count, precision) for (name, precision), count in sorted(counted.items())),
        len(artifact.goldens.inputs) if artifact.goldens else 0,
        foreign_card(artifact) if artifact.card is None else None,
    )


def read_structure(artifact: Artifact) -> Structure:
    """Operators and tensors, read from the payload's bytes.

    Raises:
        DamagedArtifact, MissingDependency, UnsupportedVersion: as `inspect`.
    """
    if artifact.format == "ort":
        raise UnsupportedVersion(
            f"{artifact.path}: this edgemm does not read the structure of .ort files, it only runs them. Inspect the "
            ".onnx file that it was made from"
        )
    if artifact.format == "tflite":
        from edgemm.inspection.tflite import structure
    else:
        from edgemm.inspection.onnx import structure
    try:
        return structure(artifact.payload)
    except DamagedArtifact as error:
        again = "" if "again" in str(error) else ". Copy or convert it again"
        raise DamagedArtifact(f"{artifact.path}: {error}{again}") from error
