"""Parts whose sizes are open: caches that grow, states that are given once, beams as rows; held to NumPy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pytest
from needs import package

import edgemm
from edgemm.artifact import read_artifact
from edgemm.card import InputCard, ModelCard, StatePair
from edgemm.errors import (
    ArtifactError,
    CardError,
    DamagedArtifact,
    DelegateFailed,
    InputError,
    UnsupportedVersion,
)
from edgemm.model.load import load_part
from edgemm.model.model import Model
from edgemm.model.open_model import OpenModel
from edgemm.model.part import Part

onnx = package("onnx")
TensorProto = onnx.TensorProto
helper = package("onnx.helper")

WIDTH = 3
STATES = (StatePair("present", "past", "grow"), StatePair("memory_out", "memory", "first-run"))
CARD = ModelCard(states=STATES)
Array = npt.NDArray[Any]


def decoder(path: Path) -> Path:
    """out = token * sum of the cache + sum of the memory; the cache gets the token, the memory is made of `heard` where
    `first` says so."""
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Concat", ["past", "token"], ["present"], axis=1),
        helper.make_node("ReduceSum", ["present", "axis"], ["seen"], keepdims=1),
        helper.make_node("Mul", ["token", "seen"], ["marked"]),
        helper.make_node(
            "If", ["first"], ["memory_out"], then_branch=_branch("heard"), else_branch=_branch("memory")
        ),
        helper.make_node("ReduceSum", ["memory_out", "axis"], ["remembered"], keepdims=1),
        helper.make_node("Add", ["marked", "remembered"], ["out"]),
    ]
    graph = helper.make_graph(
        nodes, "decoder",
        [
            value("token", TensorProto.FLOAT, ["batch", 1, WIDTH]), value("first", TensorProto.BOOL, [1]),
            value("heard", TensorProto.FLOAT, ["batch", "heard", WIDTH]),
            value("past", TensorProto.FLOAT, ["batch", "past", WIDTH]),
            value("memory", TensorProto.FLOAT, ["batch", "memory", WIDTH]),
        ],
        [
            value("out", TensorProto.FLOAT, ["batch", 1, WIDTH]),
            value("present", TensorProto.FLOAT, ["batch", "longer", WIDTH]),
            value("memory_out", TensorProto.FLOAT, ["batch", "memory_out", WIDTH]),
        ],
        [helper.make_tensor("axis", TensorProto.INT64, [1], [1])],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def _branch(name: str) -> Any:
    value = helper.make_tensor_value_info(f"{name}_kept", TensorProto.FLOAT, None)
    return helper.make_graph([helper.make_node("Identity", [name], [f"{name}_kept"])], name, [], [value])


class ByHand:
    """The same in NumPy, one row."""

    def __init__(self, heard: Array) -> None:
        self.memory, self.seen = heard, np.zeros(WIDTH, np.float32)

    def step(self, token: Array) -> Array:
        self.seen = self.seen + token
        return np.asarray(token * self.seen + self.memory.sum(axis=0), np.float32)


def token(*numbers: float) -> Array:
    """One row for each number."""
    return np.array([[[each, 2 * each, -each]] for each in numbers], np.float32)


@pytest.fixture(params=[".onnx", ".ort"])
def part(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Part]:
    path = decoder(tmp_path / "decoder.onnx")
    if request.param == ".ort":
        path = as_ort(path)
    with load_part(path, card=CARD) as model, model.part() as made:
        assert isinstance(model, OpenModel)
        yield made


def as_ort(path: Path) -> Path:
    options = ort.SessionOptions()
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.optimized_model_filepath = str(path.with_suffix(".ort"))
    ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return path.with_suffix(".ort")


HEARD = np.arange(4 * WIDTH, dtype=np.float32).reshape(1, 4, WIDTH)


YES = np.array([True])


def begin(part: Part, heard: Array = HEARD) -> ByHand:
    part.reset()
    part.hold({"heard": heard})
    return ByHand(heard[0])


def step(part: Part, first: bool, *numbers: float) -> Array:
    found = part.step({"token": token(*numbers), "first": np.array([first])}).real("out")
    return np.asarray(found)[:, 0]


def test_a_cache_grows_and_what_was_given_once_stays(part: Part) -> None:
    for heard in (HEARD, HEARD[:, :2] * 3):  # another length after a reset
        hand = begin(part, heard)
        for at in range(20):
            found = step(part, at == 0, at + 1.0)
            np.testing.assert_allclose(found[0], hand.step(token(at + 1.0)[0, 0]), rtol=1e-6)
            if at == 0:
                part.hold({"heard": heard * 100})  # is not looked at any more


def test_the_outputs_of_a_step_outlive_the_next(part: Part) -> None:
    begin(part)
    first = part.step({"token": token(1.0), "first": np.array([True])}).real("out")
    kept = first.copy()
    step(part, False, 5.0)
    np.testing.assert_array_equal(first, kept)


def test_a_snapshot_is_taken_back_any_number_of_times(part: Part) -> None:
    begin(part)
    step(part, True, 1.0)
    kept = part.snapshot()
    found = []
    for _ in range(2):
        part.restore(kept)
        found.append([step(part, False, each)[0] for each in (2.0, 3.0)])
        step(part, False, 9.0)
    np.testing.assert_array_equal(found[0], found[1])
    part.reset()
    part.restore(kept)
    part.hold({"heard": HEARD})
    np.testing.assert_array_equal(step(part, False, 2.0)[0], found[0][0])


def test_beams_are_rows(part: Part) -> None:
    """Two beams, each kept twice: what a row gives is what its own tokens give alone."""
    begin(part, np.repeat(HEARD, 2, axis=0))
    step(part, True, 1.0, 2.0)
    step(part, False, 3.0, 4.0)
    part.reorder([1, 0])
    found = step(part, False, 5.0, 6.0)
    for row, own in enumerate(([2.0, 4.0, 5.0], [1.0, 3.0, 6.0])):
        hand = ByHand(HEARD[0])
        expected = [hand.step(token(each)[0, 0]) for each in own][-1]
        np.testing.assert_allclose(found[row], expected, rtol=1e-6)
    with pytest.raises(InputError, match="rows: expected numbers from 0 to 1"):
        part.reorder([2])


def test_rows_may_become_more(part: Part) -> None:
    begin(part)
    step(part, True, 1.0)
    part.reorder([0, 0, 0])
    part.hold({"heard": np.repeat(HEARD, 3, axis=0)})
    found = step(part, False, 1.0, 2.0, 3.0)
    for row, last in enumerate((1.0, 2.0, 3.0)):
        hand = ByHand(HEARD[0])
        hand.step(token(1.0)[0, 0])
        np.testing.assert_allclose(found[row], hand.step(token(last)[0, 0]), rtol=1e-6)


def test_two_parts_of_one_model_do_not_touch(tmp_path: Path) -> None:
    with load_part(decoder(tmp_path / "d.onnx"), card=CARD) as model:
        parts = [model.part(), model.part()]
        hands = [begin(parts[0]), begin(parts[1], HEARD + 1)]
        for at in range(3):
            for which in (0, 1):
                found = step(parts[which], at == 0, 10.0 * which + at)[0]
                np.testing.assert_allclose(
                    found, hands[which].step(token(10.0 * which + at)[0, 0]), rtol=1e-6
                )


def test_threads_take_turns(tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def work(model: Any, number: int) -> None:
        try:
            with model.part() as own:
                hand = begin(own, HEARD + number)
                for at in range(50):
                    np.testing.assert_allclose(
                        step(own, at == 0, at)[0], hand.step(token(at)[0, 0]), rtol=1e-5
                    )
        except BaseException as error:  # noqa: BLE001 - raised by the test itself
            failed.append(error)

    with load_part(decoder(tmp_path / "d.onnx"), card=CARD) as model:
        threads = [threading.Thread(target=work, args=(model, at)) for at in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert not failed, failed


@pytest.mark.parametrize(
    ("feeds", "said"),
    [
        ({}, "inputs: expected token, first, heard; found none"),
        ({"token": token(1.0), "first": YES, "heard": HEARD[0]}, r"input 'heard': expected float32\[any, any, 3\]"),
        ({"token": token(1.0)[..., :2], "first": YES, "heard": HEARD}, r"'token': expected float32\[any, 1, 3\]"),
        ({"token": token(1.0), "first": np.array([1.5]), "heard": HEARD}, "input 'first': expected bool"),
        ({"token": token(1.0), "first": YES, "heard": HEARD, "past": HEARD}, "found .*past"),
    ],
)  # fmt: skip
def test_feeds_that_do_not_fit(part: Part, feeds: dict[str, Array], said: str) -> None:
    with pytest.raises(InputError, match=said):
        part.step(feeds)


def test_sizes_that_do_not_go_together_are_an_error_and_nothing_is_lost(part: Part) -> None:
    hand = begin(part)
    np.testing.assert_allclose(step(part, True, 1.0)[0], hand.step(token(1.0)[0, 0]))
    with pytest.raises(DelegateFailed, match="failed while running"):
        step(part, False, 1.0, 2.0)  # two rows behind one
    np.testing.assert_allclose(step(part, False, 2.0)[0], hand.step(token(2.0)[0, 0]))


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ((StatePair("present", "past"), STATES[1]), "'past': its size at the start is not known"),
        ((StatePair("present", "gone", "grow"),), "'gone' of the card is not among the inputs"),
        ((StatePair("gone", "past", "grow"),), "'gone' of the card is not among the outputs"),
        ((StatePair("out", "past", "grow", axis=2),), "expected an axis that the file leaves open"),
    ],
)
def test_states_that_do_not_fit(tmp_path: Path, states: tuple[StatePair, ...], said: str) -> None:
    with pytest.raises(CardError, match=said):
        load_part(decoder(tmp_path / "d.onnx"), card=ModelCard(states=states))


def test_a_card_closes_what_a_file_leaves_open(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "by"], ["y"])], "g",
        [value("x", TensorProto.FLOAT, [1, "length"]), value("by", TensorProto.FLOAT, ["one"])],
        [value("y", TensorProto.FLOAT, [1, "length"])],
    )  # fmt: skip
    path = tmp_path / "scale.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    by = InputCard("by", value=3.0)
    with load_part(path, card=ModelCard(inputs=(InputCard("x"), by))) as model, model.part() as part:
        assert isinstance(model, OpenModel)
        for length in (1, 5, 1000):
            found = part.step({"x": np.ones((1, length), np.float32)}).real("y")
            np.testing.assert_array_equal(found, np.full((1, length), 3.0))
        np.testing.assert_array_equal(model.run({"x": np.ones((1, 2), np.float32)})["y"], [[3.0, 3.0]])
    shapes = {"inputs": [{"name": "x", "shape": [1, 4]}, {"name": "by", "shape": [1], "value": 3.0}],
              "outputs": [{"name": "y", "shape": [1, 4]}]}  # fmt: skip
    with load_part(path, card=shapes) as closed:
        assert isinstance(closed, Model)
        assert closed.inputs[0].shape == (1, 4)


@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_the_shape_of_a_state_is_that_of_both_its_sides(tmp_path: Path, side: str) -> None:
    """A file that leaves the batch of a state open is closed by what the card says of one of the two."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "state"], ["next"])], "g",
        [value("x", TensorProto.FLOAT, [1, 3]), value("state", TensorProto.FLOAT, ["batch", 3])],
        [value("next", TensorProto.FLOAT, ["rows", 3])],
    )  # fmt: skip
    path = tmp_path / "sum.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    name = "state" if side == "inputs" else "next"
    described: list[dict[str, Any]] = [{"name": name, "shape": [1, 3]}]
    if side == "inputs":
        described.append({"name": "x"})
    card = {side: described, "states": [{"output": "next", "input": "state"}]}
    with load_part(path, card=card) as model, model.part() as part:
        assert isinstance(model, Model)
        for _ in range(3):
            part.step({"x": np.ones((1, 3), np.float32)})
        np.testing.assert_array_equal(part.states()["state"], np.full((1, 3), 3.0))


def test_a_plain_model_of_open_sizes_is_still_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="expected a fixed shape"):
        edgemm.load(decoder(tmp_path / "d.onnx"))


def test_a_file_in_another_runtimes_form_is_told(tmp_path: Path) -> None:
    path = as_ort(decoder(tmp_path / "d.onnx"))
    assert read_artifact(path).format == "ort"
    renamed = tmp_path / "e.onnx"
    renamed.write_bytes(path.read_bytes())
    with pytest.raises(DamagedArtifact, match=r"Rename it to \.ort"):
        load_part(renamed)
    broken = tmp_path / "f.ort"
    broken.write_bytes(path.read_bytes()[:400])
    with pytest.raises((DamagedArtifact, UnsupportedVersion), match=r"f\.ort"):
        load_part(broken)


def test_a_closed_part_and_a_closed_model_say_so(tmp_path: Path) -> None:
    model = load_part(decoder(tmp_path / "d.onnx"), card=CARD)
    part = model.part()
    part.close()
    part.close()
    with pytest.raises(InputError, match="the part is closed"):
        part.snapshot()
    other = model.part()
    model.close()
    other.hold({"heard": HEARD})
    with pytest.raises(InputError, match="closed: load it again"):
        step(other, True, 1.0)
