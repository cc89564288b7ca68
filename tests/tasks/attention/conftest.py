"""The seeded networks, written once."""

from __future__ import annotations

from pathlib import Path

import pytest
from needs import package


@pytest.fixture(scope="package")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Role -> .onnx file."""
    for name in ("torch", "onnxruntime", "onnx_ir"):
        package(name)
    from listening import files

    return files(tmp_path_factory.mktemp("listening"))
