"""The small network's float parts, made once."""

from __future__ import annotations

from pathlib import Path

import pytest
from needs import package
from written_texts import exported, small_network


@pytest.fixture(scope="package")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Role -> .onnx file."""
    for name in ("torch", "onnx", "onnxruntime"):
        package(name)
    return exported(small_network(), tmp_path_factory.mktemp("small"))
