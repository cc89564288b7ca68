"""The small models that are timed, as they come with edgemm."""

from __future__ import annotations

import io
import json
import lzma
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgemm.costs.point import Work
from edgemm.errors import EdgemmError

ARCHIVE = "costs/models.tar.xz"
_INDEX = "index.json"


@dataclass(frozen=True, slots=True)
class CostModel:
    """Some operators of one kind in a file."""

    file: str
    """"conv_1x1/64_64_28.int8.tflite"."""
    format: str
    kind: str
    precision: str
    work: Work
    less: tuple[tuple[str, float], ...]
    """Files whose operators are in it too, and how many times; their time is taken off."""
    payload: bytes


def cost_models() -> tuple[CostModel, ...]:
    """All of them, in the order in which they are timed.

    Raises:
        EdgemmError: the archive is damaged: this installation is.
    """
    from edgemm import data

    try:
        with (
            lzma.open(data.path(ARCHIVE)) as packed,
            tarfile.open(fileobj=io.BytesIO(packed.read()), mode="r:") as tar,
        ):
            contents = {each.name: file.read() for each in tar if (file := tar.extractfile(each)) is not None}
            index = json.loads(contents[_INDEX])
            return tuple(_model(each, contents) for each in index["models"])
    except (OSError, EOFError, lzma.LZMAError, tarfile.TarError, ValueError, KeyError) as e:
        raise EdgemmError(
            f"the models that costs are measured with cannot be read ({e}): install edgemm again"
        ) from e


def _model(entry: Mapping[str, Any], contents: Mapping[str, bytes]) -> CostModel:
    name = entry["file"]
    less = tuple((file, share) for file, share in entry["less"])
    return CostModel(
        name, entry["format"], entry["kind"], entry["precision"], Work(*entry["work"]), less, contents[name]
    )
