"""Drivers of our table, and of other packages."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest
from level_bundle import LevelDriver, level_driver

from edgemm.card import drivers
from edgemm.card.drivers import DRIVERS, GROUP, driver_names, find_driver
from edgemm.errors import MissingDependency

__all__ = ["level_driver"]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        EntryPoint("loud", "level_bundle:LevelDriver", GROUP),
        EntryPoint("broken", "there_is_no_such_module:Driver", GROUP),
        EntryPoint("level", "there_is_no_such_module:Driver", GROUP),
    ]

    def entry_points(group: str) -> list[Any]:
        assert group == "edgemm.drivers"
        return found

    drivers._foreign.cache_clear()
    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)


@pytest.fixture(autouse=True)
def _asked_again() -> Any:
    yield
    drivers._foreign.cache_clear()


NEEDED: dict[str, dict[str, Any]] = {"sequence": {"begin": (2,), "end": (3,)}}
"""Keys that a driver's section must have."""


@pytest.mark.parametrize("name", DRIVERS)
def test_every_driver_of_the_table_is_there_and_says_what_it_is(name: str) -> None:
    found = find_driver(name)
    assert found is not None
    assert found.name == name
    assert found.modality in ("image", "audio", "text")
    assert found.roles
    assert not set(found.roles) & set(getattr(found, "optional", ()))
    recipe = found.Recipe(**NEEDED.get(name, {}))
    recipe.check()
    assert set(found.Recipe.OPTIONS) <= set(found.Recipe.__dataclass_fields__)


def test_a_driver_of_a_package_is_found_by_its_entry_point(installed: None) -> None:
    assert "loud" in driver_names()
    assert isinstance(find_driver("loud"), LevelDriver)


def test_ours_come_before_those_of_packages(installed: None, level_driver: None) -> None:
    assert driver_names().count("level") == 1
    assert isinstance(find_driver("level"), LevelDriver)


def test_a_package_that_cannot_be_imported_is_named(installed: None) -> None:
    with pytest.raises(MissingDependency, match=r"the driver 'broken' .*ModuleNotFoundError"):
        find_driver("broken")


def test_an_unknown_name_is_none() -> None:
    assert find_driver("there is none") is None
