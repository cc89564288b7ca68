"""bundle.json: its keys, what its driver needs, and what is refused."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from level_bundle import LevelRecipe, level_driver

from edgemm.card.bundle_card import BundleAsset, BundleCard, BundlePart
from edgemm.card.keys import refuse_unknown, unknown_keys
from edgemm.card.model_card import StatePair
from edgemm.errors import CardError, UnsupportedVersion

__all__ = ["level_driver"]
pytestmark = pytest.mark.usefixtures("level_driver")

WHOLE: dict[str, Any] = {
    "schema": "edgemm.bundle/1",
    "name": "levels",
    "version": "2",
    "licence": "MIT",
    "task": "tensors",
    "driver": "level",
    "level": {"gain": 2.5, "labels": ["a"]},
    "parts": {
        "sum": {"file": "sum.onnx", "sha256": "0" * 64},
        "scale": {
            "file": "more/scale.onnx",
            "card": {"states": [{"output": "a", "input": "b"}], "inputs": [{"name": "b"}]},
        },
    },
    "assets": {"table": {"file": "table.txt"}, "said": {"file": "said.wav"}},
    "goldens": [{"asset": "said", "expected": {"values": {"level": [1.5]}}, "tolerance": 0.5}],
}


def read(**changes: Any) -> BundleCard:
    content = {**copy.deepcopy(WHOLE), **changes}
    return BundleCard.from_json(json.dumps({key: each for key, each in content.items() if each is not None}))


def test_every_key_is_read() -> None:
    card = read()
    assert (card.name, card.version, card.licence, card.driver) == ("levels", "2", "MIT", "level")
    assert card.recipe == LevelRecipe(2.5, ("a",))
    assert card.labels == ("a",)
    assert card.parts["sum"] == BundlePart("sum.onnx", "0" * 64)
    assert card.parts["scale"].card is not None
    assert card.parts["scale"].card.states == (StatePair("a", "b"),)
    assert dict(card.assets) == {"table": BundleAsset("table.txt"), "said": BundleAsset("said.wav")}
    assert (card.goldens[0].asset, card.goldens[0].tolerance) == ("said", 0.5)


def test_what_is_written_is_read_again() -> None:
    card = read(**{"x-note": {"of": "mine"}})
    again = BundleCard.from_json(card.to_json())
    assert again == card
    assert again.to_json() == card.to_json()
    assert again.extra == {"x-note": {"of": "mine"}}


def test_what_is_left_out_is_the_drivers() -> None:
    card = read(task=None, level=None, assets={"table": {"file": "t"}}, goldens=None)
    assert (card.task, card.recipe) == ("tensors", LevelRecipe())
    assert card.to_dict()["level"] == {
        "gain": 1.0,
        "labels": [],
    }  # a default that changes later changes no old file


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema": None}, r'bundle.schema: expected "edgemm.bundle/1", found "none"'),
        ({"schema": "edgemm.card/1"}, r'expected "edgemm.bundle/1", found "edgemm.card/1"'),
        ({"driver": None}, "bundle.driver: expected one of .*, found none"),
        ({"driver": ["level"]}, "bundle.driver: expected one of .*, found list"),
        ({"driver": "levle"}, "bundle.driver: expected one of .*found \"levle\". Did you mean 'level'"),
        ({"task": "tensor"}, "bundle.task: .*found \"tensor\". Did you mean 'tensors'"),
        ({"level": {"gain": 101}}, "bundle.level.gain: expected 0 to 100, found 101"),
        ({"level": {"gain": 13}}, "bundle.level.gain: expected another number than 13"),
        ({"level": [1]}, "bundle.level: expected an object, found a list"),
        ({"parts": [1]}, "bundle.parts: expected an object, found list"),
        ({"parts": {"sum": {"file": "a"}, "scal": {"file": "b"}}}, "'scale' is missing. Did you mean it by 'scal'"),
        ({"parts": {"sum": {"file": "a"}}}, "the driver 'level' needs 'sum', 'scale'; 'scale' is missing$"),
        (
            {"parts": {**WHOLE["parts"], "spear": {"file": "x"}}},
            "bundle.parts.spear: the driver 'level' has no such part. Expected 'sum', 'scale', 'spare'. Did you mean "
            "'spare'",
        ),
        ({"assets": {"tabel": {"file": "t"}}, "goldens": None}, "'table' is missing. Did you mean it by 'tabel'"),
        ({"assets": {"table": {}}, "goldens": None}, "bundle.assets.table.file: expected a value, found none"),
        ({"assets": {"table": {"fiel": "t"}}, "goldens": None}, "none, but 'fiel', .*Did you mean 'file'"),
        ({"assets": {"table": {"file": "t", "sha256": "12"}}}, "bundle.assets.table.sha256: expected 64 hexadecimal"),
        ({"goldens": [{"expected": {"a": 1}}]}, r"goldens\[0\]: expected an input, text or asset, found neither"),
        ({"goldens": [{"text": "a", "asset": "said", "expected": {"a": 1}}]}, "found both"),
        ({"goldens": [{"asset": "siad", "expected": {"a": 1}}]}, "found 'siad'. Did you mean 'said'"),
        ({"goldens": [{"asset": "said"}]}, r"bundle.goldens\[0\].expected: expected the result"),
        ({"goldens": [{"asset": "said", "expected": {"a": 1}, "tolerance": -1}]}, "tolerance: expected 0 to"),
        ({"goldens": WHOLE["goldens"] * 17}, "bundle.goldens: expected at most 16, found 17"),
        (
            {"parts": {**WHOLE["parts"], "scale": {"file": "s", "card": {"task": "detektion"}}}},
            "bundle.parts.scale: card.task: .*Did you mean 'detection'",
        ),
        ({"parts": {**WHOLE["parts"], "scale": {"file": "s.ZIP"}}}, "A bundle holds no other bundle"),
        ({"assets": {f"a{n}": {"file": f"f{n}"} for n in range(300)}}, "at most 256 parts and assets, found 302"),
        ({"assets": {**WHOLE["assets"], "a/b": {"file": "f"}}}, "expected a name of letters, digits"),
        ({"assets": {**WHOLE["assets"], "other": {"file": "TABLE.txt"}}}, "one file where case does not count"),
        ({"assets": {**WHOLE["assets"], "other": {"file": "sum.onnx/a"}}}, "'sum.onnx' is a file, and the folder of"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(CardError, match=said):
        read(**changes)


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "../a", "a/../../b", "a/..", "./a", "a//b", "a/", "c:\\a", "c:a", "a\\b", "a\0b", "a\nb", " a",
     "a ", "a/ b", "*.onnx", "a?", "x" * 201, "bundle.json", "Bundle.JSON"],
)  # fmt: skip
def test_a_file_stays_inside_the_bundle(name: str) -> None:
    with pytest.raises(CardError, match=r"bundle.assets.table.file: expected"):
        BundleCard(
            "level", {"sum": BundlePart("a"), "scale": BundlePart("b")}, {"table": BundleAsset(name)}
        ).completed()


@pytest.mark.parametrize("name", ["a", "a.b/c-d_e.txt", "токены.txt", "..a", "a b.txt", "onnx/a"])
def test_plain_names_are_taken(name: str) -> None:
    read(assets={"table": {"file": name}}, goldens=None)


@pytest.mark.parametrize("changes", [{"schema": "edgemm.bundle/2"}, {"min_edgemm": "99"}])
def test_a_newer_bundle_is_refused_as_such(changes: dict[str, str]) -> None:
    with pytest.raises(UnsupportedVersion, match="newer"):
        read(**changes)


def test_a_part_of_a_newer_edgemm_is_refused_as_such() -> None:
    parts = {**WHOLE["parts"], "scale": {"file": "s", "card": {"schema": "edgemm.card/2"}}}
    with pytest.raises(UnsupportedVersion, match=r"bundle.parts.scale: the card is edgemm.card/2"):
        read(parts=parts)


def test_unknown_keys_are_kept_and_named_with_what_was_meant() -> None:
    parts = copy.deepcopy(WHOLE["parts"])
    parts["sum"]["sha265"] = "0"
    parts["scale"]["card"]["lables"] = ["a"]
    card = read(
        licens="MIT",
        parts=parts,
        level={"gian": 1.0},
        assets={**WHOLE["assets"], "said": {"file": "s", "x": 1}},
    )
    found = unknown_keys(card)
    assert found == (
        "bundle.licens: is not a key of bundle.json itself. Did you mean 'licence'?",
        "bundle.parts.sum.sha265: is not a key of an entry of parts. Did you mean 'sha256'?",
        "bundle.parts.scale.card.lables: is not a key of the card itself. Did you mean 'labels'?",
        "bundle.assets.said.x: is not a key of an entry of assets",
        "bundle.level.gian: is not a key of level. Did you mean 'gain'?",
    )
    with pytest.raises(CardError, match=r"bundle.licens"):
        refuse_unknown(card)


def test_notes_of_ones_own_and_other_drivers_sections_are_no_unknown_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from edgemm.card import drivers

    monkeypatch.setattr(drivers, "DRIVERS", {**drivers.DRIVERS, "other": "nowhere:Other"})
    card = read(**{"x-note": 1, "other": {"a": 1}})
    refuse_unknown(card)
    assert card.extra == {"x-note": 1, "other": {"a": 1}}
