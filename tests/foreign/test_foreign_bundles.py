"""Folders in another project's layout: the table of layouts, and what `load` makes of one."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest
from level_bundle import RATE, LevelRecipe, level, level_driver, level_folder, sound

import edgemm
from edgemm.artifact.bundle import write_bundle
from edgemm.card import InputCard, ModelCard
from edgemm.card.bundle_card import BundleAsset, BundleCard, BundlePart
from edgemm.errors import CardError, DamagedArtifact
from edgemm.foreign import bundles
from edgemm.foreign.bundles import LAYOUTS, foreign_bundle, looked_for
from edgemm.model.find_bundle import find_bundle

__all__ = ["level_driver", "level_folder"]


def read(folder: Path, precision: str) -> BundleCard | None:
    """Layout of a folder with odd.txt."""
    if not (folder / "odd.txt").exists():
        return None
    if not (folder / "sum.onnx").exists():
        raise CardError("expected sum.onnx beside odd.txt, found none")
    described = ModelCard(inputs=(InputCard("value", shape=(1, 1)),))
    return BundleCard(
        "level",
        {"sum": BundlePart("sum.onnx"), "scale": BundlePart("scale.onnx", card=described)},
        {"table": BundleAsset("tables/table.txt")},
        name="odd one",
        recipe=LevelRecipe(gain=2.0),
    )


@pytest.fixture
def folder(level_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    module = types.ModuleType("edgemm.foreign.bundles.odd")
    module.read = read  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "edgemm.foreign.bundles.odd", module)
    monkeypatch.setattr(bundles, "LAYOUTS", {"Odd": ("odd", "odd.txt")})
    (level_folder / "bundle.json").unlink()
    (level_folder / "odd.txt").touch()
    return level_folder


def test_a_folder_in_a_layout_that_is_known_is_a_bundle(folder: Path) -> None:
    with edgemm.load_bundle(folder) as bundle:
        assert (bundle.card.name, bundle.card.task, bundle.bundle.origin) == ("odd one", "tensors", "Odd")
        found = bundle(sound(20), sample_rate=RATE).to_json()["values"]["level"]
        np.testing.assert_allclose(found, level(sound(20), 2.0)[-1:], rtol=1e-5)


def test_it_is_written_as_a_bundle_of_ours(folder: Path, tmp_path: Path) -> None:
    with find_bundle(folder) as bundle:
        write_bundle(bundle, tmp_path / "odd.zip").close()
    with edgemm.load_bundle(tmp_path / "odd.zip") as again:
        assert again.card.recipe.gain == 2.0
        assert again.card.extra == {"x-layout": "Odd"}
        assert again.bundle.origin == ""


def test_its_files_may_be_links_as_a_model_hub_keeps_them(folder: Path, tmp_path: Path) -> None:
    (folder / "scale.onnx").rename(tmp_path / "blob")
    (folder / "scale.onnx").symlink_to(tmp_path / "blob")
    edgemm.load_bundle(folder).close()
    (tmp_path / "blob").unlink()
    with pytest.raises(DamagedArtifact, match=r"expected the file 'scale.onnx', found none"):
        edgemm.load_bundle(folder)


def test_what_does_not_hold_together_is_said_with_the_folder(folder: Path) -> None:
    (folder / "sum.onnx").unlink()
    with pytest.raises(CardError, match=rf"^{folder}: expected sum.onnx beside odd.txt"):
        edgemm.load_bundle(folder)


def test_our_own_card_comes_first(folder: Path) -> None:
    (folder / "bundle.json").write_text("{")
    with pytest.raises(CardError, match=r"bundle.json: the bundle is not readable JSON"):
        edgemm.load_bundle(folder)
    (folder / "bundle.json").unlink()
    (folder / "bundle.json").symlink_to("nowhere")
    with pytest.raises(CardError, match=r"expected the file bundle.json in the folder, found a link"):
        edgemm.load_bundle(folder)


def test_nothing_known_is_none(folder: Path) -> None:
    (folder / "odd.txt").unlink()
    assert foreign_bundle(folder) is None
    assert looked_for() == ("Odd (odd.txt)",)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_has_a_module_and_takes_no_other_folder(layout: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").touch()
    assert foreign_bundle(tmp_path) is None
