"""Parts of open sizes: inputs of any length, caches that grow, states that the first step gives, beams as rows.

The network is `open_cache.onnx`: y = the sum of all that was fed since the reset + 100 x the sum of the first step.
"""

from __future__ import annotations

import gc
import multiprocessing
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs

import edgemm
from edgemm.artifact import read_artifact, write_artifact
from edgemm.card import InputCard, ModelCard, StatePair
from edgemm.errors import (
    ArtifactError,
    CardError,
    DamagedArtifact,
    DelegateFailed,
    InputError,
    UnsupportedVersion,
)
from edgemm.inspection import inspect
from edgemm.model.load import load_part
from edgemm.model.open_model import OpenModel
from edgemm.model.part import Part
from edgemm.onnx_runtime import onnx_runtime

pytestmark = pytest.mark.device
ort = needs(onnx_runtime)
ASSETS = Path(__file__).parents[1] / "assets"
CACHE = ASSETS / "open_cache.onnx"
CARD = ModelCard(states=(StatePair("cache", "past", "grow"), StatePair("once", "kept", "first-run")))
Floats = npt.NDArray[np.float32]


@pytest.fixture
def model() -> Iterator[OpenModel]:
    with load_part(CACHE, card=CARD) as opened:
        assert isinstance(opened, OpenModel)
        yield opened


@pytest.fixture
def part(model: OpenModel) -> Iterator[Part]:
    with model.part() as made:
        yield made


def x(*numbers: float) -> dict[str, Floats]:
    """One row of as many steps; in the second channel ten times the first."""
    first = np.array(numbers, np.float32)
    return {"x": np.stack([first, 10 * first], axis=-1)[None]}


def y(part: Part, *numbers: float) -> list[float]:
    """The first channel of each row of the output."""
    found = part.step(x(*numbers)).real("y")
    np.testing.assert_array_equal(found[:, 1], 10 * found[:, 0])
    return [float(each) for each in found[:, 0]]


def test_a_cache_grows_and_the_first_step_is_kept(part: Part) -> None:
    assert y(part, 1, 2) == [3]  # kept is empty still
    assert y(part, 4) == [3 + 4 + 300]
    assert y(part, 5, 6, 7) == [3 + 4 + 18 + 300]


def test_steps_in_pieces_end_where_one_whole_step_ends(part: Part) -> None:
    rng = np.random.default_rng(0)
    whole = rng.integers(-9, 9, (2, 40, 2)).astype(np.float32)
    for piece in np.split(whole, [1, 5, 6, 30], axis=1):
        found = part.step({"x": piece}).real("y")
    np.testing.assert_array_equal(found, whole.sum(1) + 100 * whole[:, :1].sum(1))


def test_a_reset_forgets_all(part: Part) -> None:
    y(part, 1)
    y(part, 2)
    part.reset()
    assert y(part, 7) == [7]
    assert y(part, 1) == [7 + 1 + 700]


def test_states_are_forgotten_one_by_one(part: Part) -> None:
    y(part, 1)
    part.reset(["past"])
    assert y(part, 2) == [2 + 100]
    part.reset(["kept"])
    assert y(part, 3) == [2 + 3]
    assert y(part, 0) == [2 + 3 + 300]  # given anew by the step after the reset


def test_only_states_are_forgotten_by_name(part: Part) -> None:
    with pytest.raises(InputError, match="states: expected some of kept, past; found x"):
        part.reset(["x"])


def test_what_a_step_gave_is_not_written_to_later(part: Part) -> None:
    first = part.step(x(1)).real("y")
    y(part, 2)
    y(part, 3)
    np.testing.assert_array_equal(first, [[1, 10]])


def test_the_array_that_was_fed_may_be_used_again(part: Part) -> None:
    feed = x(1)
    part.step(feed)
    feed["x"][:] = 999
    assert y(part, 2) == [1 + 2 + 100]


def test_a_snapshot_is_taken_back_as_often_as_one_likes(part: Part) -> None:
    y(part, 1)
    then = part.snapshot()
    for _ in range(2):
        assert y(part, 5) == [1 + 5 + 100]
        y(part, 8)
        part.restore(then)
    assert y(part, 2) == [1 + 2 + 100]


def test_a_snapshot_of_the_start_knows_that_nothing_was_given(part: Part) -> None:
    start = part.snapshot()
    y(part, 1)
    part.restore(start)
    assert y(part, 2) == [2]
    assert y(part, 0) == [2 + 200]


def test_a_snapshot_of_another_model_is_refused(part: Part) -> None:
    total = ModelCard(states=(StatePair("total", "before"),))
    with (
        load_part(ASSETS / "total.onnx", card=total) as other,
        other.part() as there,
        pytest.raises(InputError, match=r"expected the states past .*, found before \[1, 2\]"),
    ):
        part.restore(there.snapshot())


def test_rows_are_beams(part: Part) -> None:
    y(part, 1)
    part.reorder([0, 0, 0])
    three = {"x": np.array([[[1, 10]], [[2, 20]], [[3, 30]]], np.float32)}
    np.testing.assert_array_equal(part.step(three).real("y")[:, 0], [102, 103, 104])
    part.reorder([2, 0, 2])
    np.testing.assert_array_equal(part.step(three).real("y")[:, 0], [104 + 1, 102 + 2, 104 + 3])
    part.reorder([1])
    assert y(part, 0) == [104]


def test_rows_follow_the_first_feed_and_what_they_were_given(part: Part) -> None:
    two = {"x": np.array([[[1, 10]], [[2, 20]]], np.float32)}
    part.step(two)
    part.reorder([1, 0])
    np.testing.assert_array_equal(part.step(two).real("y")[:, 0], [2 + 1 + 200, 1 + 2 + 100])
    part.reorder([0, 0])
    np.testing.assert_array_equal(part.step(two).real("y")[:, 0], [3 + 1 + 200, 3 + 2 + 200])


def test_an_order_after_a_snapshot_is_of_the_snapshots_rows(part: Part) -> None:
    two = {"x": np.array([[[1, 10]], [[2, 20]]], np.float32)}
    part.step(two)
    then = part.snapshot()
    part.reorder([1, 1])
    part.restore(then)
    part.reorder([1, 1])
    np.testing.assert_array_equal(part.step(two).real("y")[:, 0], [2 + 1 + 200, 2 + 2 + 200])


@pytest.mark.parametrize("rows", [[1], [-1], [], [0, 3]])
def test_rows_that_are_not_there_are_refused_and_nothing_changes(part: Part, rows: list[int]) -> None:
    y(part, 1)
    with pytest.raises(InputError, match="rows: expected numbers from 0 to 0, at least one"):
        part.reorder(rows)
    assert y(part, 2) == [1 + 2 + 100]


@pytest.mark.parametrize(
    ("feeds", "said"),
    [
        ({}, "inputs: expected x; found none"),
        (
            {"x": np.ones((1, 2, 2), np.float32), "past": np.ones((1, 2, 2), np.float32)},
            "expected x; found x, past",
        ),
        ({"x": np.ones((2, 2), np.float32)}, r"'x': expected float32\[any, any, 2\], found float32\[2, 2\]"),
        (
            {"x": np.ones((1, 2, 3), np.float32)},
            r"'x': expected float32\[any, any, 2\], found float32\[1, 2, 3\]",
        ),
        ({"x": np.ones((1, 2, 2), np.int64)}, "'x': expected float32, found int64"),
        ({"x": np.full((1, 2, 2), np.nan, np.float32)}, "'x': expected finite numbers"),
        ({"x": [[[1.0, 2.0]]]}, "'x': expected float32.*found list"),
        ([1], "expected a mapping, name -> array, found list"),
    ],
)
def test_wrong_feeds_are_told_and_change_nothing(part: Part, feeds: Any, said: str) -> None:
    y(part, 1)
    with pytest.raises(InputError, match=said):
        part.step(feeds)
    assert y(part, 2) == [1 + 2 + 100]


def test_sizes_that_do_not_go_together_leave_the_state_as_it_was(part: Part) -> None:
    y(part, 1)
    with pytest.raises(DelegateFailed, match="failed while running"):
        part.step({"x": np.ones((2, 1, 2), np.float32)})
    assert y(part, 2) == [1 + 2 + 100]


def test_doubles_and_strided_arrays_are_taken(part: Part) -> None:
    strided = np.asfortranarray(np.arange(12, dtype=np.float64).reshape(1, 6, 2))[:, ::2]
    np.testing.assert_array_equal(part.step({"x": strided}).real("y"), strided.sum(1))


def test_a_held_input_is_copied_and_fed_to_each_step() -> None:
    held = np.array([[[1, 10]]], np.float32)
    card = ModelCard(states=(StatePair("cache", "past", "grow"),))
    with load_part(CACHE, card=card) as model, model.part() as part:
        part.hold({"kept": held})
        held[:] = 0
        assert y(part, 5) == [5 + 1]
        assert y(part, 6) == [5 + 6 + 1]
        with pytest.raises(InputError, match=r"expected x \(held: kept\); found x, kept"):
            part.step(x(1) | {"kept": held})
        part.reset(["past"])
        assert y(part, 5) == [5 + 1]  # a state that is forgotten lets go of nothing else
        part.reset()
        with pytest.raises(InputError, match="expected x, kept; found x"):
            part.step(x(1))


def test_a_state_is_not_held(part: Part) -> None:
    with pytest.raises(InputError, match="hold: expected some of x; found 'past'"):
        part.hold({"past": np.zeros((1, 0, 2), np.float32)})


def test_a_constant_of_open_size_is_as_large_as_the_card_says() -> None:
    def card(shape: tuple[int, ...]) -> ModelCard:
        inputs = (InputCard("x"), InputCard("past"), InputCard("kept", shape=shape, value=7.0))
        return ModelCard(inputs=inputs, states=(StatePair("cache", "past", "grow"),))

    for shape, told in (((1, 2, 2), 14), ((), 7)):
        with load_part(CACHE, card=card(shape)) as model, model.part() as part:
            np.testing.assert_array_equal(part.step(x(1)).real("y"), [[1 + told, 10 + told]])


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (StatePair("cache", "nowhere", "grow"), "'nowhere' of the card is not among the inputs"),
        (StatePair("nothing", "past", "grow"), "'nothing' of the card is not among the outputs"),
        (StatePair("y", "past", "grow"), "of one shape"),
        (StatePair("cache", "past"), "its size at the start is not known"),
        (
            StatePair("cache", "past", "grow", axis=2),
            r"expected an axis that the file leaves open \(0, 1\), found 2",
        ),
    ],
)
def test_states_that_do_not_fit_are_told_when_it_is_loaded(pair: StatePair, said: str) -> None:
    with pytest.raises(CardError, match=said):
        load_part(CACHE, card=ModelCard(states=(pair,)))


def test_an_axis_is_said_where_several_are_open(tmp_path: Path) -> None:
    """Rows that grow: an unusual model, whose card says so."""
    card = ModelCard(
        states=(StatePair("cache", "past", "grow", axis=1), StatePair("once", "kept", "first-run", 1))
    )
    with load_part(CACHE, card=card) as model, model.part() as part:
        assert (y(part, 1), y(part, 2)) == ([1], [103])


def test_a_card_that_says_all_sizes_makes_a_part_of_fixed_sizes() -> None:
    sizes = {"x": (1, 1, 2), "past": (1, 3, 2), "kept": (1, 1, 2)}
    outputs = {"y": [1, 2], "cache": [1, 4, 2], "once": [1, 1, 2]}
    card = ModelCard.from_json(
        ModelCard(inputs=tuple(InputCard(name, shape=shape) for name, shape in sizes.items())).to_json()
    ).to_dict() | {"outputs": [{"name": name, "shape": shape} for name, shape in outputs.items()]}
    with load_part(CACHE, card=card) as model, model.part() as part:
        feeds = {name: np.ones(shape, np.float32) for name, shape in sizes.items()}
        np.testing.assert_array_equal(part.step(feeds).real("y"), [[5, 5]])
        assert model.inputs[0].shape == (1, 1, 2)


def test_parts_of_one_model_do_not_touch(model: OpenModel) -> None:
    with model.part() as one, model.part() as other:
        y(one, 1)
        y(other, 50)
        assert y(one, 2) == [1 + 2 + 100]
        assert y(other, 2) == [52 + 5000]
        one.close()
        assert y(other, 0) == [52 + 5000]


def test_parts_in_threads_give_what_they_give_alone(model: OpenModel) -> None:
    found: dict[int, list[float]] = {}

    def walk(seed: int) -> None:
        with model.part() as part:
            found[seed] = [y(part, seed, at)[0] for at in range(40)]

    threads = [threading.Thread(target=walk, args=(seed,)) for seed in range(1, 5)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for seed in range(1, 5):
        sums = np.cumsum([seed + at for at in range(40)])
        assert found[seed] == [sums[0], *(sums[1:] + 100 * seed)]


def test_closing_while_a_part_runs_waits_and_then_refuses(model: OpenModel) -> None:
    part, begun, seen = model.part(), threading.Event(), []

    def walk() -> None:
        try:
            for _ in range(100_000):
                part.step(x(1))
                begun.set()
                part.reset()
        except InputError as error:
            seen.append(str(error))

    thread = threading.Thread(target=walk)
    thread.start()
    assert begun.wait(20)
    model.close()
    model.close()
    thread.join(20)
    assert seen == ["the model is closed: load it again"]
    with pytest.raises(InputError, match=r"the model open_cache.onnx is closed"):
        model.part()


def test_a_closed_part_says_so(part: Part) -> None:
    part.close()
    part.close()
    for use in (lambda: part.step(x(1)), part.snapshot, part.reset, lambda: part.reorder([0])):
        with pytest.raises(InputError, match="the part is closed: begin a new one of its model"):
            use()


def test_a_snapshot_outlives_its_part(model: OpenModel) -> None:
    with model.part() as one:
        y(one, 1)
        then = one.snapshot()
    gc.collect()
    with model.part() as other:
        other.restore(then)
        assert y(other, 2) == [1 + 2 + 100]


def _in_child(part: Part, said: Any) -> None:
    try:
        part.step(x(1))
        said.send("it ran")
    except InputError as error:
        said.send(str(error))


def test_a_forked_child_is_refused(part: Part) -> None:
    y(part, 1)
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_in_child, args=(part, there))
    child.start()
    assert here.poll(20)
    assert "was made before this process was forked" in here.recv()
    child.join(20)
    assert child.exitcode == 0


def test_there_is_one_signature(part: Part) -> None:
    assert part.signatures == ("",)
    with pytest.raises(InputError, match="signature: expected one of ''; found 'step_64'"):
        part.step(x(1), signature="step_64")


def test_a_plain_model_still_asks_for_fixed_sizes() -> None:
    with pytest.raises(ArtifactError, match="expected a fixed shape"):
        edgemm.load(CACHE)


@pytest.fixture(scope="module")
def ort_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same network in ONNX Runtime's own format, as it writes it itself."""
    path = tmp_path_factory.mktemp("ort") / "cache.ort"
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(path)
    options.add_session_config_entry("session.save_model_format", "ORT")
    ort.InferenceSession(CACHE.read_bytes(), options, providers=["CPUExecutionProvider"])
    return path


def test_an_ort_file_is_a_part(ort_file: Path) -> None:
    assert read_artifact(ort_file).format == "ort"
    with load_part(ort_file, card=CARD) as model, model.part() as part:
        assert model.inputs[0].shape == (-1, -1, 2)
        assert (y(part, 1), y(part, 2)) == ([1], [103])


def test_an_ort_file_has_no_place_for_a_card(ort_file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"an \.ort file has no place"):
        write_artifact(tmp_path / "x.ort", ort_file.read_bytes(), CARD)
    with pytest.raises(UnsupportedVersion, match="does not read the structure of"):
        inspect(ort_file)


@pytest.mark.parametrize("name", ["cache.onnx", "cache.tflite"])
def test_an_ort_file_of_another_name_is_told(ort_file: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(ort_file.read_bytes())
    with pytest.raises(
        DamagedArtifact, match=r"holds a model in ONNX Runtime's own format. Rename it to .ort"
    ):
        load_part(tmp_path / name)


def test_another_file_named_ort_is_told(tmp_path: Path) -> None:
    (tmp_path / "add.ort").write_bytes((ASSETS / "add.onnx").read_bytes())
    with pytest.raises(DamagedArtifact, match="found no 'ORTM'"):
        load_part(tmp_path / "add.ort")


def test_a_damaged_ort_file_is_refused_by_the_probe(ort_file: Path, tmp_path: Path) -> None:
    """Every offset in it may lead anywhere: whatever the runtime does, this process lives on."""
    good = ort_file.read_bytes()
    for seed in range(3):
        bad = bytearray(good)
        rng = np.random.default_rng(seed)
        for at in rng.integers(8, len(bad), len(bad) // 4):
            bad[at] = rng.integers(256)
        (tmp_path / f"{seed}.ort").write_bytes(bad)
        with pytest.raises(ArtifactError):
            load_part(tmp_path / f"{seed}.ort")
    (tmp_path / "short.ort").write_bytes(good[: len(good) // 2])
    with pytest.raises(ArtifactError):
        load_part(tmp_path / "short.ort")


def test_memory_is_flat_over_thousands_of_steps(part: Part) -> None:
    def megabytes() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

    feed = {"x": np.ones((1, 200, 2), np.float32)}

    def utterances(count: int) -> None:
        for _ in range(count):
            part.reset()
            for _ in range(50):
                then = part.snapshot()
                part.step(feed)
            part.restore(then)

    utterances(10)
    before = megabytes()
    utterances(60)
    assert megabytes() - before < 8  # the largest cache has 0.08 MB; all of them, kept, would have 120
