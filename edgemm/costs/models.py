"""The small models that are timed, as they come with edgemm."""

from __future__ import annotations

import json
import lzma
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from edgemm.costs.point import Work
from edgemm.delegates import Format
from edgemm.errors import EdgemmError

ARCHIVE = "costs/models.tar.xz"
_INDEX = "index.json"
"""The first member; the models follow in its order."""


@dataclass(frozen=True, slots=True)
class CostModel:
    """Some operators of one kind in a file."""

    file: str
    """"conv_1x1/64_64_28.int8.tflite"."""
    format: Format
    kind: str
    precision: str
    work: Work
    less: tuple[tuple[str, float], ...] = ()
    """Files whose operators are in it too, and how many times; their time is taken off."""
    payload: bytes = b""


def cost_models() -> tuple[CostModel, ...]:
    """All of them, in the order in which they are timed, without their bytes.

    Raises:
        EdgemmError: the archive is damaged: this installation is.
    """
    with _opened() as tar:
        return _index(tar)


def with_payloads() -> Iterator[CostModel]:
    """The same, one after the other with their bytes: unpacked they are too large to be held all at once.

    Raises:
        EdgemmError: the archive is damaged: this installation is.
    """
    with _opened() as tar:
        index = {each.file: each for each in _index(tar)}
        for member in tar:
            file = tar.extractfile(member)
            if file is not None and member.name in index:
                yield replace(index[member.name], payload=file.read())


@contextmanager
def _opened() -> Iterator[tarfile.TarFile]:
    from edgemm import data

    try:
        with (
            lzma.open(data.path(ARCHIVE)) as packed,
            tarfile.open(fileobj=packed, mode="r|") as tar,
        ):
            yield tar
    except (OSError, EOFError, lzma.LZMAError, tarfile.TarError, ValueError, KeyError, TypeError) as e:
        raise EdgemmError(
            f"the models that costs are measured with cannot be read ({e}): install edgemm again"
        ) from e


def _index(tar: tarfile.TarFile) -> tuple[CostModel, ...]:
    first = tar.next()
    file = None if first is None or first.name != _INDEX else tar.extractfile(first)
    if file is None:
        raise ValueError(f"its first member is not {_INDEX}")
    return tuple(_model(each) for each in json.loads(file.read())["models"])


def _model(entry: Mapping[str, Any]) -> CostModel:
    less = tuple((str(file), float(share)) for file, share in entry["less"])
    return CostModel(
        entry["file"], entry["format"], entry["kind"], entry["precision"], Work(*entry["work"]), less
    )
