"""The version, which is written twice: pyproject.toml is not there where the package is installed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import edgemm
from edgemm import version

ROOT = Path(__file__).resolve().parents[1]


def test_the_version_is_that_of_the_package() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.findall(r'^version = "(.*)"$', project, re.MULTILINE) == [version.__version__]
    assert edgemm.__version__ == version.__version__


def test_asking_for_the_version_loads_nothing_else() -> None:
    code = "import sys; import edgemm; edgemm.__version__; print(sorted(n for n in sys.modules if 'edgemm' in n))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert said.stdout.strip() == "['edgemm', 'edgemm.version']"
