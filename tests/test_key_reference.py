"""The pages in docs/ are what the script makes of the dataclasses; every key in them is explained."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from edgemm.app.recipe import AppRecipe
from edgemm.card import AudioRecipe, ImageRecipe, InputCard, ModelCard
from edgemm.card.bundle_card import BundleCard
from edgemm.card.key_reference import drivers, keys, objects, recipes
from edgemm.card.reader import BESIDE

ROOT = Path(__file__).parents[1]
CARDS = [*objects(ModelCard), *recipes().values(), *objects(AppRecipe)]
OF_TASKS = [*recipes().values(), *(kind for driver in drivers().values() for kind in objects(driver.Recipe))]
KINDS = [*dict.fromkeys([*CARDS, *objects(BundleCard), *OF_TASKS])]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = ROOT / "scripts" / "card_reference.py"
    if not path.is_file():
        pytest.skip("scripts/ is not here: the tests run outside the source tree")
    spec = importlib.util.spec_from_file_location("card_reference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "function"),
    [("cards.md", "page"), ("bundles.md", "bundle_page"), ("filters.md", "filters_page")],
)
def test_the_page_is_what_the_script_writes(script: ModuleType, name: str, function: str) -> None:
    committed = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert committed == getattr(script, function)(), "run: python scripts/card_reference.py"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_key_is_explained(kind: Any, script: ModuleType) -> None:
    placed = kind.__name__ in script.PLACES or kind in script.BUNDLE_PLACES or kind in OF_TASKS
    assert placed, "say in scripts/card_reference.py where it stands"
    assert {each.name for each in keys(kind)} == {
        each.name for each in dataclasses.fields(kind) if each.name not in BESIDE
    }
    unexplained = [each.name for each in keys(kind) if len(each.meaning) < 15]
    assert not unexplained, f"{kind.__name__}: a docstring under these fields is missing"
    assert all(each.type != "any" for each in keys(kind))


def test_the_objects_of_a_card_are_all_found() -> None:
    names = {kind.__name__ for kind in objects(ModelCard)}
    assert names == {
        "ModelCard", "InputCard", "OutputCard", "ImageRecipe", "AudioRecipe", "TextRecipe", "PointsRecipe",
        "LatentRecipe", "StatePair", "HistoryStep",
    }  # fmt: skip


def test_a_key_is_told_in_the_terms_of_json() -> None:
    rate = next(each for each in keys(AudioRecipe) if each.name == "sample_rate")
    assert (rate.type, rate.unit, rate.default, rate.allowed) == (
        "whole number",
        "hertz",
        "16000",
        "1 to 1000000",
    )
    mean = next(each for each in keys(ImageRecipe) if each.name == "mean")
    assert (mean.type, mean.unit, mean.default, mean.allowed) == ("list of numbers", "", "[0.0]", "")
    color = next(each for each in keys(ImageRecipe) if each.name == "color")
    assert (color.type, color.default, color.allowed) == ("text", '"rgb"', '"rgb", "bgr", "gray"')
    image = next(each for each in keys(InputCard) if each.name == "image")
    assert (image.type, image.default) == ("object or null", "null")
    task = next(each for each in keys(ModelCard) if each.name == "task")
    assert task.allowed.startswith('"classification", "detection"')


def test_a_row_has_six_cells_whatever_stands_in_it(script: ModuleType) -> None:
    rows = [line for line in script.page().splitlines() if line.startswith("| `")]
    assert len(rows) == sum(len(keys(kind)) for kind in CARDS)
    assert {row.replace("\\|", "").count("|") for row in rows} == {7}
