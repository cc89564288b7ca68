"""A bundle has the face of a model."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from level_bundle import (
    RATE,
    LevelDriver,
    LevelSession,
    level,
    level_driver,
    level_folder,
    read_card,
    sound,
    stored,
    write_card,
    write_scale,
)

import edgemm
from edgemm.artifact import read_artifact
from edgemm.artifact.bundle import write_bundle
from edgemm.artifact.trust import is_trusted
from edgemm.backends.backend import Coverage
from edgemm.card import drivers
from edgemm.errors import CardError, CardWarning, DamagedArtifact, InputError
from edgemm.model import find_bundle as finding
from edgemm.tasks.driver import Tensors

__all__ = ["level_driver", "level_folder"]


@pytest.fixture(params=["folder", "zip"])
def path(request: pytest.FixtureRequest, level_folder: Path, tmp_path: Path) -> Path:
    if request.param == "folder":
        return level_folder
    write_bundle(level_folder, tmp_path / "levels.zip").close()
    return tmp_path / "levels.zip"


@pytest.fixture
def bundle(level_folder: Path) -> Iterator[edgemm.BundleModel]:
    with edgemm.load_bundle(level_folder) as loaded:
        yield loaded


def levels(found: Any) -> list[float]:
    return [float(each.value.values["level"][0]) for each in found]


def test_it_answers_as_its_networks_do_one_after_the_other(path: Path) -> None:
    with edgemm.load_bundle(path) as bundle:
        for count in (20, 12, 20):  # nothing is remembered
            found = bundle(sound(count), sample_rate=RATE).to_json()["values"]["level"]
            np.testing.assert_allclose(found, level(sound(count))[-1:], rtol=1e-5)


def test_load_gives_it_for_a_folder_and_a_zip(path: Path) -> None:
    loaded: object = edgemm.load(path, gain=2.0)
    assert isinstance(loaded, edgemm.BundleModel)
    with loaded as bundle:
        assert bundle.card.name == "levels"
        assert bundle.card.recipe.gain == 2.0
        assert bundle.delegates == ("CPUExecutionProvider",)
        assert bundle.coverage.total == 4
        assert list(bundle.models) == ["sum", "scale"]


def test_a_stream_remembers_and_two_do_not_touch(bundle: edgemm.BundleModel, level_folder: Path) -> None:
    heard = stored(sound(20))
    for _ in range(2):
        with (
            edgemm.open_source(str(level_folder / "said.wav?block_ms=1")) as source,
            bundle.stream(source, edgemm.Budget()) as stream,
        ):
            items = list(stream)
            bundle(sound(8), sample_rate=RATE)  # in between
        np.testing.assert_allclose(levels(items), level(heard), rtol=1e-5)
        assert stream.ledger.summary()["captured"] == 3


def test_options_are_those_of_its_driver(bundle: edgemm.BundleModel, level_folder: Path) -> None:
    with (
        edgemm.open_source(level_folder / "said.wav") as source,
        bundle.stream(source, gain=3) as stream,
    ):
        np.testing.assert_allclose(levels(stream), level(stored(sound(20)), 3.0), rtol=1e-5)
    for give in (lambda: bundle.session(gian=1), lambda: edgemm.load(level_folder, gian=1)):
        with pytest.raises(
            InputError, match=r"option 'gian' of a bundle of driver 'level': .*Did you mean 'gain'"
        ):
            give()
    with pytest.raises(InputError, match="option gain: expected 0 to 100, found 101"):
        bundle.session(gain=101)
    with pytest.raises(InputError, match="option gain: expected another number than 13"):
        bundle.session(gain=13)


def test_a_runner_takes_it(bundle: edgemm.BundleModel, level_folder: Path) -> None:
    with edgemm.Runner() as runner, edgemm.open_source(level_folder / "said.wav") as source:
        runner.add("plain", bundle, source)
        runner.add("loud", bundle, source, options={"gain": 2})
        found: dict[str, list[Any]] = {"plain": [], "loud": []}
        for name, item in runner:
            found[name].append(item)
    np.testing.assert_allclose(levels(found["plain"]), level(stored(sound(20))), rtol=1e-5)
    np.testing.assert_allclose(levels(found["loud"]), level(stored(sound(20)), 2.0), rtol=1e-5)


def test_a_part_has_a_state_of_its_own(bundle: edgemm.BundleModel) -> None:
    frame = {"frame": np.ones((1, 4), np.float32)}
    part, other = bundle.part("sum"), bundle.part("sum")
    assert [float(part.step(frame).real("heard")[0, 0]) for _ in range(3)] == [4, 8, 12]
    assert float(other.step(frame).real("heard")[0, 0]) == 4
    part.close()
    other.close()
    with pytest.raises(
        InputError, match=r"part: expected one of sum, scale; found 'sums'. Did you mean 'sum'"
    ):
        bundle.part("sums")


def test_goldens_are_replayed(path: Path) -> None:
    with edgemm.load_bundle(path) as bundle:
        (outcome,) = bundle.replay_goldens()
        assert (outcome.output, outcome.ok, outcome.tolerance) == ("golden 1: values", True, 0.001)
        assert outcome.worst_error < 1e-5
    with edgemm.load_bundle(path, gain=1.5) as bundle:
        (outcome,) = bundle.replay_goldens()
        assert outcome.worst_error == pytest.approx(abs(0.5 * level(stored(sound(20)))[-1]), rel=1e-4)
        assert not outcome.ok


def test_a_bundle_without_goldens_says_how_to_get_some(level_folder: Path) -> None:
    write_card(level_folder, {key: each for key, each in read_card(level_folder).items() if key != "goldens"})
    with edgemm.load_bundle(level_folder) as bundle:
        assert not bundle.has_goldens
        with pytest.raises(CardError, match=r"has no goldens to replay\. `edgemm bundle .* --golden"):
            bundle.replay_goldens()
        with pytest.raises(CardError, match="has no golden, whose input is needed"):
            bundle.golden_input()


@pytest.mark.parametrize(
    ("golden", "said"),
    [
        ({"text": "a", "expected": {"values": 1}}, "the bundle takes audio, found a text"),
        ({"asset": "table", "expected": {"values": 1}}, "bundle.assets.table: .*is not a WAV file"),
        ({"asset": "said", "expected": {"value": 1}}, r"goldens\[0\].expected: .*\(values\), found 'value'"),
    ],
)
def test_a_golden_that_does_not_fit(level_folder: Path, golden: dict[str, Any], said: str) -> None:
    write_card(level_folder, read_card(level_folder) | {"goldens": [golden]})
    with edgemm.load_bundle(level_folder) as bundle, pytest.raises(CardError, match=said):
        bundle.replay_goldens()


def test_an_asset_that_is_a_golden_alone_is_not_the_drivers(
    level_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[list[str]] = []
    plain = LevelDriver.session

    def session(self: LevelDriver, recipe: Any, parts: Any, assets: Any, options: Any) -> LevelSession:
        given.append(list(assets))
        assert options == {}
        return plain(self, recipe, parts, assets, options)

    monkeypatch.setattr(LevelDriver, "session", session)
    edgemm.load_bundle(level_folder).close()
    write_card(level_folder, read_card(level_folder) | {"goldens": []})
    edgemm.load_bundle(level_folder).close()
    assert given == [["table"], ["table", "said"]]


def test_closed_is_closed(level_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = edgemm.load_bundle(level_folder)
    serving, models = bundle._serving, list(bundle.models.values())
    bundle.close()
    bundle.close()
    assert isinstance(serving, LevelSession)
    assert serving.closed == 1
    uses = (
        lambda: bundle(sound(4), sample_rate=RATE),
        lambda: bundle.session(),
        lambda: bundle.part("sum"),
        lambda: models[0].part(),
    )
    for use in uses:
        with pytest.raises(InputError, match="is closed: load it again"):
            use()


def test_several_threads_take_turns(bundle: edgemm.BundleModel) -> None:
    wrong: list[float] = []

    def ask(count: int) -> None:
        expected = float(level(sound(count))[-1])
        for _ in range(20):
            found = float(bundle(sound(count), sample_rate=RATE).to_json()["values"]["level"][0])
            if abs(found - expected) > 1e-4:
                wrong.append(found - expected)

    threads = [threading.Thread(target=ask, args=(count,)) for count in (8, 40, 80)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []


def test_what_a_model_has_and_a_bundle_has_not(bundle: edgemm.BundleModel) -> None:
    with pytest.raises(
        AttributeError, match=r"no 'run' of its own: bundle.models\[role\].run, with a role of sum"
    ):
        bundle.run({})
    with pytest.raises(AttributeError, match="object has no attribute 'nope'"):
        bundle.nope()


@pytest.mark.parametrize(
    ("x", "said"),
    [
        ("text", "the model takes sound"),
        (np.zeros((2, 2)), "the model takes sound"),
        (np.zeros(0), "at least one"),
    ],
)
def test_another_input_is_refused(bundle: edgemm.BundleModel, x: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        bundle(x, sample_rate=RATE)


def test_a_source_of_something_else_is_refused(bundle: edgemm.BundleModel) -> None:
    with pytest.raises(InputError, match="expected"):
        bundle.stream("camera:0")  # type: ignore[arg-type]
    text = bundle.bundle.folder / "tables" / "table.txt"
    with edgemm.open_source(f"text:{text}") as source, pytest.raises(InputError, match="sound"):
        bundle.stream(source)


def test_a_part_of_another_model_is_named(level_folder: Path) -> None:
    shutil.copy(level_folder / "sum.onnx", level_folder / "scale.onnx")
    content = read_card(level_folder)
    del content["parts"]["scale"]["card"]
    write_card(level_folder, content)
    with pytest.raises(
        CardError,
        match=r"levels: part 'scale' \(scale.onnx\) is of another model: expected an input 'value', found 'frame', "
        "'before'. Take the file that belongs to the driver 'level'",
    ):
        edgemm.load(level_folder)


def test_a_card_in_the_bundle_must_fit_its_part(level_folder: Path) -> None:
    content = read_card(level_folder)
    content["parts"]["scale"]["card"]["states"] = [{"output": "out", "input": "valeu"}]
    write_card(level_folder, content)
    with pytest.raises(CardError, match="valeu"):
        edgemm.load(level_folder)


def test_a_shape_that_the_driver_does_not_know(level_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"scale": Tensors({"value": (1, 1)}, {"out": (None, 7)}), "spare": Tensors({"x": None})}
    monkeypatch.setattr(LevelDriver, "tensors", lambda self, recipe: wanted)
    with pytest.raises(CardError, match=r"expected an output 'out' of shape \[any, 7\], found \[1, 1\]"):
        edgemm.load(level_folder)


def test_what_the_driver_cannot_read_is_said_when_it_is_loaded(level_folder: Path) -> None:
    (level_folder / "tables" / "table.txt").write_text("three")
    with pytest.raises(
        CardError, match=r"levels: driver 'level': asset 'table': expected a number, found b'three'"
    ):
        edgemm.load(level_folder)


def test_a_card_beside_a_bundle_is_refused(level_folder: Path) -> None:
    with pytest.raises(InputError, match="the cards of a bundle stand in it"):
        edgemm.load(level_folder, card="imagenet")


def test_a_misspelt_key_warns(level_folder: Path) -> None:
    write_card(level_folder, read_card(level_folder) | {"licens": "MIT"})
    with pytest.warns(CardWarning, match=r"bundle.licens: .*Did you mean 'licence'.*edit bundle.json"):
        edgemm.load(level_folder).close()


def test_a_part_of_unknown_origin_goes_through_the_probe(level_folder: Path) -> None:
    parts = [read_artifact(level_folder / name) for name in ("sum.onnx", "scale.onnx")]
    seen: list[str] = []

    import edgemm.model.file_probe as file_probe

    plain = file_probe._ask

    def ask(artifact: Any, first_s: float, open_sizes: bool) -> Any:
        seen.append(artifact.path.name)
        return plain(artifact, first_s, open_sizes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEMM_CACHE_DIR", str(level_folder / "cache"))
        patch.setattr(file_probe, "_ask", ask)
        assert not is_trusted(parts[0])
        edgemm.load(level_folder).close()
        assert seen == ["sum.onnx", "scale.onnx"]
        assert is_trusted(parts[0])
        edgemm.load(level_folder).close()
        assert len(seen) == 2  # remembered


def test_a_changed_part_never_comes_to_the_probe(
    level_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with write_bundle(level_folder, tmp_path / "x.zip") as bundle:
        (level_folder / "bundle.json").write_text(bundle.card.to_json())
    write_scale(level_folder / "scale.onnx", "another")
    reached: list[str] = []
    monkeypatch.setattr("edgemm.model.file_probe.probe", lambda artifact: reached.append(artifact.path.name))
    with pytest.raises(DamagedArtifact, match=r"scale.onnx: altered or damaged"):
        edgemm.load(level_folder)
    assert "scale.onnx" not in reached


def test_what_was_opened_is_closed_when_a_later_part_is_bad(
    level_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (level_folder / "scale.onnx").write_bytes(b"\x08\x08 no model")
    closed: list[str] = []
    plain = edgemm.Model.close

    def close(self: edgemm.Model) -> None:
        closed.append(self.artifact.path.name)
        plain(self)

    monkeypatch.setattr(edgemm.Model, "close", close)
    with pytest.raises(DamagedArtifact, match=r"scale.onnx"):
        edgemm.load(level_folder)
    assert closed == ["sum.onnx"]


def test_the_parts_of_a_session_that_cannot_begin_are_closed(
    bundle: edgemm.BundleModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def session(self: LevelDriver, recipe: Any, parts: Any, assets: Any, options: Any) -> LevelSession:
        given.extend(parts.values())
        raise CardError("no")

    monkeypatch.setattr(LevelDriver, "session", session)
    with pytest.raises(CardError, match="driver 'level': no"):
        bundle.session()
    assert len(given) == 2
    for part in given:
        with pytest.raises(InputError, match="closed"):
            part.reset()


def test_a_folder_that_is_no_bundle_says_what_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "looked_for", lambda: ("Odd layout (odd.onnx)",))
    with pytest.raises(
        InputError, match=r"a folder with bundle.json or Odd layout \(odd.onnx\); found an empty folder"
    ):
        edgemm.load(tmp_path)
    for number in range(12):
        (tmp_path / f"{number:02}.onnx").touch()
    with pytest.raises(
        InputError, match=r"found 00.onnx, .*07.onnx, \.\.\.. For one model, give its file: .*00.onnx"
    ):
        edgemm.load(tmp_path)


def test_a_misspelt_driver_is_no_model_file(level_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "DRIVERS", {"levels": "x:y"})
    with pytest.raises(
        CardError, match=r"bundle.json: bundle.driver: .*found \"level\". Did you mean 'levels'"
    ):
        edgemm.load(level_folder)


def test_the_driver_in_the_documentation_works(
    level_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Path(__file__).parents[2] / "docs" / "bundles.md"
    if not page.is_file():
        pytest.skip("docs/ is not here: the tests run outside the source tree")
    code = next(
        part for part in page.read_text().split("```python\n") if "class LoudestDriver" in part
    ).split("```")[0]
    (tmp_path / "its_loudest_driver.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(drivers, "DRIVERS", {"loudest": "its_loudest_driver:LoudestDriver"})
    content = read_card(level_folder) | {"driver": "loudest", "loudest": {"gain": 2.0}, "goldens": []}
    write_card(level_folder, content)
    with edgemm.load_bundle(level_folder, gain=3.0) as bundle:
        for count in (40, 8):
            found = bundle(sound(count), sample_rate=RATE).to_json()["values"]["loudest"]
            np.testing.assert_allclose(found, [level(sound(count), 3.0).max()], rtol=1e-5)
        with edgemm.open_source(level_folder / "said.wav") as source, bundle.stream(source) as stream:
            last = list(stream)[-1].value.to_json()["values"]["loudest"]
        np.testing.assert_allclose(last, [level(stored(sound(20)), 3.0).max()], rtol=1e-5)


def test_a_temporary_folder_goes_with_the_bundle(
    level_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bundle(level_folder, tmp_path / "x.zip").close()
    monkeypatch.setenv("EDGEMM_CACHE_DIR", "/dev/null")
    with edgemm.load_bundle(tmp_path / "x.zip") as bundle:
        assert bundle.bundle.temporary is not None
        assert bundle.bundle.folder.is_dir()
    assert not bundle.bundle.folder.exists()
    made: list[Path] = []

    def session(self: LevelDriver, *given: Any) -> LevelSession:
        made.extend(Path(tempfile.gettempdir()).glob("edgemm-bundle-*"))
        raise CardError("no")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(LevelDriver, "session", session)
    with pytest.raises(CardError, match="no"):
        edgemm.load_bundle(tmp_path / "x.zip")
    assert len(made) == 1
    assert not made[0].exists()


def test_coverage_is_that_of_all_parts(bundle: edgemm.BundleModel, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "sum.onnx": Coverage(2, 3, 1, {"Add": 1}, "npu"),
        "scale.onnx": Coverage(1, 4, 2, {"Add": 1, "Mul": 2}, "npu"),
    }
    monkeypatch.setattr(edgemm.Model, "coverage", property(lambda self: told[self.artifact.path.name]))
    assert bundle.coverage == Coverage(3, 7, 3, {"Add": 2, "Mul": 2}, "npu")
    told["scale.onnx"] = Coverage()
    assert bundle.coverage == Coverage()  # not told, never zero
