"""Carries this machine's pip settings into another root: python3 scripts/pip_settings.py ROOT

Writes ROOT/etc/pip.conf with what pip is told here, by its files and by its environment. Files that the settings
name are copied; folders with packages are printed, one a line, to be mounted at the same place.
"""

from __future__ import annotations

import ast
import configparser
import shutil
import subprocess
import sys
from pathlib import Path

_ENVIRONMENT = ":env:"


def settings() -> configparser.RawConfigParser:
    """The settings of all files and of the environment, which goes before them."""
    listed = [sys.executable, "-m", "pip", "config", "list"]
    lines = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.splitlines()
    found = configparser.RawConfigParser()
    for line in sorted(lines, key=lambda line: line.startswith(_ENVIRONMENT)):
        key, _, value = line.partition("=")
        section, _, name = key.partition(".")
        section = "global" if section == _ENVIRONMENT else section
        if not found.has_section(section):
            found.add_section(section)
        found.set(section, name, ast.literal_eval(value))
    return found


def named(found: configparser.RawConfigParser) -> list[Path]:
    """Files and folders of this machine that the settings name."""
    values = [value for section in found.sections() for _, value in found.items(section)]
    paths = []
    for word in (word for value in values for word in value.split()):
        path = Path(word.removeprefix("file://"))
        if word.startswith("file://"):
            path = path.parent  # the pages of an index point to files beside it
        if path.is_absolute() and path != Path("/") and path.exists():
            paths.append(path)
    return paths


def carry(root: Path) -> list[Path]:
    """Writes the settings into `root`; returns the folders that it needs."""
    found = settings()
    with open(root / "etc" / "pip.conf", "w", encoding="utf-8") as file:
        found.write(file)
    folders = set()
    for path in named(found):
        if path.is_dir():
            folders.add(path)
        else:
            copied = root / path.relative_to("/")
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copied)
    return sorted(folders)


if __name__ == "__main__":
    for folder in carry(Path(sys.argv[1])):
        print(folder)
