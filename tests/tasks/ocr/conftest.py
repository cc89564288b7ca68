"""The bundle of the two tiny networks, opened once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import edgemm


@pytest.fixture(scope="session")
def reader_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks of open sizes."""
    from tiny_reader import write_folder

    return write_folder(tmp_path_factory.mktemp("ocr") / "stripes")


@pytest.fixture(scope="session")
def reader(reader_folder: Path) -> Iterator[Any]:
    """Of open sizes."""
    with edgemm.load_bundle(reader_folder) as opened:
        yield opened
