"""How OpenCV is loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest
from needs import needs

from edgemm.errors import MissingDependency
from edgemm.opencv import opencv

pytestmark = pytest.mark.device


def _python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_one_thread_when_edgemm_loads_it() -> None:
    needs(opencv)
    assert _python("from edgemm.opencv import opencv; print(opencv().getNumThreads())") == "1"


def test_an_application_that_loaded_it_keeps_its_threads() -> None:
    needs(opencv)
    code = (
        "import cv2; cv2.setNumThreads(2); from edgemm.opencv import opencv; print(opencv().getNumThreads())"
    )
    assert _python(code) == "2"


def test_without_opencv_the_install_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    opencv.cache_clear()
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingDependency, match=r'OpenCV is not installed.*pip install "edgemm\[vision\]"'):
        opencv()


def test_importing_the_room_loads_neither_opencv_nor_soxr() -> None:
    code = "import sys, edgemm.preprocess; print({'cv2', 'soxr'} & set(sys.modules))"
    assert _python(code) == "set()"
