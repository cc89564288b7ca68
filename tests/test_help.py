"""`help()` and completion in an editor see the names of every package, also those that are loaded when asked for."""

from __future__ import annotations

import importlib
import pkgutil
import pydoc
import subprocess
import sys

import pytest

import edgemm

PACKAGES = [
    "edgemm.sinks", "edgemm.quantize", "edgemm.quantize.prune", "edgemm.quantize.training", "edgemm.quantize.aware",
    "edgemm.converters", "edgemm.converters.aware", "edgemm.converters.shrinking",
]  # fmt: skip
"""Those whose names are loaded when asked for."""


def test_no_package_hides_its_names() -> None:
    lazy = []
    for each in pkgutil.walk_packages(edgemm.__path__, "edgemm.", onerror=lambda _: None):
        if each.ispkg and not each.name.startswith(("edgemm.cli", "edgemm.rigs")):
            package = importlib.import_module(each.name)
            if "__getattr__" in vars(package):
                lazy.append(each.name)
                assert set(package.__all__) <= set(dir(package)), each.name
    assert set(lazy) >= set(PACKAGES) - {"edgemm.quantize", "edgemm.converters"}


@pytest.mark.parametrize(
    ("package", "said"),
    [
        ("edgemm.quantize.prune", "prune(module"),
        ("edgemm.quantize.training", "train(module"),
        ("edgemm.quantize.aware", "class QuantizedNetwork"),
        ("edgemm.converters.aware", "prepare(source"),
        ("edgemm.converters.shrinking", "shrink_file(source"),
        ("edgemm.converters", "convert(source"),
        ("edgemm.sinks", "open_sinks("),
    ],
)
def test_help_shows_the_functions(package: str, said: str) -> None:
    if package.startswith(("edgemm.quantize", "edgemm.converters")):
        pytest.importorskip("torch")
    assert said in pydoc.plain(pydoc.render_doc(importlib.import_module(package)))


def test_the_names_are_told_without_loading_what_is_behind_them() -> None:
    code = (
        "import sys, edgemm.quantize.training as t, edgemm.quantize.aware as a; names = dir(t) + dir(a);"
        "assert 'train' in names and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_name_that_is_not_there_is_told_with_its_package() -> None:
    training = importlib.import_module("edgemm.quantize.training")
    with pytest.raises(AttributeError, match=r"module 'edgemm.quantize.training' has no attribute 'trian'"):
        training.trian  # noqa: B018


def test_help_works_where_a_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    aware = importlib.import_module("edgemm.quantize.aware")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert "QuantizedNetwork" not in dir(aware)
