"""Files put together into one of several signatures: each answers as its own file does, and weights are there once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import ai_edge_litert.schema_py_generated as schema
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import edgemm
from edgemm.artifact import read_artifact, replace_card
from edgemm.card import ModelCard, StatePair
from edgemm.converters import convert, merge_signatures
from edgemm.converters.tflite import signatures as merging
from edgemm.errors import CardError, ConversionError, InputError
from edgemm.model.load import load_part

ASSETS = Path(__file__).parents[2] / "assets"
WIDTH = 32
CARD = ModelCard(name="decoder", states=(StatePair("after", "before"),))


def network(path: Path, length: int) -> Path:
    """after = before + one_hot(place) * (x W); y = softmax over time of after, times U; W and U are one for all."""
    value, rng = helper.make_tensor_value_info, np.random.default_rng(1)
    weights = {name: rng.normal(size=(WIDTH, WIDTH)).astype(np.float32) / WIDTH**0.5 for name in ("W", "U")}
    nodes = [
        helper.make_node("MatMul", ["x", "W"], ["told"]),
        helper.make_node("Mul", ["place", "told"], ["written"]),
        helper.make_node("Add", ["before", "written"], ["after"]),
        helper.make_node("Softmax", ["after"], ["weighed"], axis=1),
        helper.make_node("ReduceMean", ["weighed"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["mean", "U"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes, "decoder",
        [
            value("x", TensorProto.FLOAT, [1, 1, WIDTH]), value("place", TensorProto.FLOAT, [1, length, 1]),
            value("before", TensorProto.FLOAT, [1, length, WIDTH]),
        ],
        [value("y", TensorProto.FLOAT, [1, WIDTH]), value("after", TensorProto.FLOAT, [1, length, WIDTH])],
        [numpy_helper.from_array(each, name) for name, each in weights.items()],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, found = tmp_path_factory.mktemp("files"), {}
    for length in (3, 6):
        source = network(folder / f"{length}.onnx", length)
        found[f"step_{length}"] = folder / f"{length}.tflite"
        convert(source, output=found[f"step_{length}"], scheme="float", card=CARD)
    return found


@pytest.fixture(scope="module")
def merged(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return merge_signatures(files, tmp_path_factory.mktemp("merged") / "decoder.tflite").path


def model_of(path: Path) -> Any:
    return schema.ModelT.InitFromPackedBuf(read_artifact(path).payload, 0)


def feeds(length: int, at: int) -> dict[str, np.ndarray[Any, Any]]:
    place = np.zeros((1, length, 1), np.float32)
    place[0, at] = 1
    return {"x": np.random.default_rng(at).normal(size=(1, 1, WIDTH)).astype(np.float32), "place": place}


def test_each_signature_answers_what_its_file_answers(files: dict[str, Path], merged: Path) -> None:
    with load_part(merged) as model, model.part() as part:
        assert part.signatures == ("step_3", "step_6")
        for name, path in files.items():
            part.reset()
            with edgemm.load(path) as source:
                alone = source.session()
                for at in range(3):
                    fed = feeds(int(name[-1]), at)
                    np.testing.assert_array_equal(
                        part.step(fed, signature=name).real("y"), alone.step(fed)["y"]
                    )


def test_a_cache_that_is_full_goes_on_in_the_longer_signature(files: dict[str, Path], merged: Path) -> None:
    """As the source of the longer one says for the same positions, in its own runtime."""
    import onnxruntime as ort

    source = ort.InferenceSession(str(files["step_6"].with_suffix(".onnx")))
    before = np.zeros((1, 6, WIDTH), np.float32)
    with load_part(merged) as model, model.part() as part:
        for at in range(6):
            expected, before = source.run(["y", "after"], {**feeds(6, at), "before": before})
            length = 3 if at < 3 else 6
            found = part.step(feeds(length, at), signature=f"step_{length}").real("y")
            if length == 6:  # a shorter softmax is another number
                np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)  # rounding of float32


def test_what_is_stored_alike_is_stored_once(files: dict[str, Path], merged: Path) -> None:
    model = model_of(merged)
    contents = [bytes(each.data) for each in model.buffers if each.data is not None and len(each.data)]
    assert len(contents) == len(set(contents))
    largest = max(path.stat().st_size for path in files.values())
    assert merged.stat().st_size < largest + WIDTH * WIDTH * 4  # one more matrix would be too much
    codes = [(each.builtinCode, each.version) for each in model.operatorCodes]
    assert len(codes) == len(set(codes))


def test_buffers_are_aligned(merged: Path) -> None:
    payload = read_artifact(merged).payload
    model = schema.Model.GetRootAs(payload, 0)
    for at in range(model.BuffersLength()):
        data = model.Buffers(at).DataAsNumpy()
        if isinstance(data, np.ndarray) and data.size:
            place = (
                data.__array_interface__["data"][0]
                - np.frombuffer(payload, np.uint8).__array_interface__["data"][0]
            )
            assert place % 16 == 0


def test_the_first_files_card_is_kept(merged: Path, files: dict[str, Path]) -> None:
    card = read_artifact(merged).card
    assert card is not None
    assert (card.name, card.states) == ("decoder", CARD.states)
    with edgemm.load(merged) as model, edgemm.load(files["step_3"]) as first:
        assert [spec.name for spec in model.inputs] == [spec.name for spec in first.inputs]
        fed = feeds(3, 1)
        one, other = model.session(), first.session()
        np.testing.assert_array_equal(one.step(fed)["y"], other.step(fed)["y"])


def test_the_newest_of_the_oldest_runtimes_is_said(files: dict[str, Path], merged: Path) -> None:
    def oldest(path: Path) -> bytes:
        model = model_of(path)
        said = [each for each in model.metadata if each.name == b"min_runtime_version"]
        assert len(said) == 1
        return bytes(model.buffers[said[0].buffer].data).rstrip(b"\0")

    assert oldest(merged) == max(
        map(oldest, files.values()), key=lambda each: tuple(map(int, each.split(b".")))
    )


def test_loops_run_their_own_bodies(tmp_path: Path) -> None:
    """Two files with a WHILE each: the subgraphs of the second stand behind those of the first."""
    files = {}
    for turns in (2, 5):
        files[f"turns_{turns}"] = _loop(tmp_path / f"{turns}.tflite", turns)
    done = merge_signatures(files, tmp_path / "loops.tflite")
    with load_part(done.path) as model, model.part() as part:
        for turns in (2, 5):
            found = part.step({"x": np.array([1.5], np.float32)}, signature=f"turns_{turns}")
            np.testing.assert_array_equal(found.real("y"), [1.5 * 2**turns])


def _loop(path: Path, turns: int) -> Path:
    """y = x doubled as often as that."""
    import tests.assets.make_assets as assets

    main = assets.Graph()
    test, body = assets.Graph(main), assets.Graph(main)
    ins = [main.tensor("start", assets.INT32, [1]), main.tensor("x", assets.FLOAT, [1])]
    outs = [main.tensor("count", assets.INT32, [1]), main.tensor("y", assets.FLOAT, [1])]
    zero = main.constant("zero", assets.INT32, np.array([0]))
    options = schema.WhileOptionsT()
    options.condSubgraphIndex, options.bodySubgraphIndex = 1, 2
    main.operator(schema.BuiltinOperator.WHILE, [zero, ins[1]], outs, options)
    at, x = test.tensor("at", assets.INT32, [1]), test.tensor("x", assets.FLOAT, [1])
    most, less = test.constant("most", assets.INT32, np.array([turns])), test.tensor("less", assets.BOOL, [1])
    test.operator(schema.BuiltinOperator.LESS, [at, most], [less], schema.LessOptionsT())
    test.ends([at, x], [less])
    at, x = body.tensor("at", assets.INT32, [1]), body.tensor("x", assets.FLOAT, [1])
    one, more = body.constant("one", assets.INT32, np.array([1])), body.tensor("more", assets.INT32, [1])
    twice = body.tensor("twice", assets.FLOAT, [1])
    body.operator(schema.BuiltinOperator.ADD, [at, one], [more], schema.AddOptionsT())
    body.operator(schema.BuiltinOperator.ADD, [x, x], [twice], schema.AddOptionsT())
    body.ends([at, x], [more, twice])
    path.write_bytes(main.pack([ins[1]], [outs[1]]))
    return path


def test_a_signature_that_answers_otherwise_leaves_no_file(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = merging._Merging.add

    def add(self: Any, name: str, artifact: Any) -> None:
        plain(self, name, artifact)
        if name == "step_6":  # the largest weights, a little changed
            buffer = max(self._model.buffers, key=lambda each: 0 if each.data is None else len(each.data))
            buffer.data = np.frombuffer(bytes(buffer.data[:-4]) + b"\0\0\x80\x3f", np.uint8)

    monkeypatch.setattr(merging._Merging, "add", add)
    with pytest.raises(ConversionError, match=r"signature 'step_\d': output '\w+' is not what"):
        merge_signatures(files, tmp_path / "out.tflite")
    assert not (tmp_path / "out.tflite").exists()


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201])
def test_names_that_none_can_have_are_refused(files: dict[str, Path], tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="expected a name of 1 to 200 printable characters"):
        merge_signatures({name: files["step_3"]}, tmp_path / "out.tflite")


def test_files_of_other_kinds_are_refused(files: dict[str, Path], merged: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a \.tflite file, which alone has signatures"):
        merge_signatures({"a": ASSETS / "add.onnx"}, tmp_path / "out.tflite")
    with pytest.raises(InputError, match=r"the name must end in \.tflite"):
        merge_signatures(files, tmp_path / "out.onnx")
    with pytest.raises(InputError, match="files: expected a mapping"):
        merge_signatures({}, tmp_path / "out.tflite")
    with pytest.raises(ConversionError, match="expected a file of one signature, found 2"):
        merge_signatures({"a": merged}, tmp_path / "out.tflite")
    with pytest.raises(
        ConversionError, match="CALL_ONCE, and the signatures of one file share what that keeps"
    ):
        merge_signatures({"a": ASSETS / "remembered.tflite"}, tmp_path / "out.tflite")


def test_the_output_is_replaced_unless_it_is_a_source(files: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "out.tflite").write_bytes(b"older")
    assert merge_signatures(files, tmp_path / "out.tflite").size_bytes > 5
    before = files["step_3"].read_bytes()
    with pytest.raises(InputError, match="the output is the source file itself"):
        merge_signatures(files, files["step_3"])
    assert files["step_3"].read_bytes() == before


def test_cards_that_contradict_each_other_are_refused(files: dict[str, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.tflite"
    other.write_bytes(files["step_6"].read_bytes())
    card = read_artifact(other).card
    assert card is not None
    replace_card(other, card.with_(states=(StatePair("after", "before", "first-run"),)))
    with pytest.raises(
        CardError, match=r"signature 'step_6': expected the state 'before' .* of kind replace"
    ):
        merge_signatures({"step_3": files["step_3"], "step_6": other}, tmp_path / "out.tflite")


def test_one_file_alone_gets_the_name(files: dict[str, Path], tmp_path: Path) -> None:
    done = merge_signatures({"only": files["step_3"]}, tmp_path / "one.tflite")
    assert done.signatures == ("only",)
    assert [each.signatureKey for each in model_of(done.path).signatureDefs] == [b"only"]


def test_the_goldens_of_the_first_are_replayed(files: dict[str, Path], tmp_path: Path) -> None:
    merge_signatures(files, tmp_path / "x.tflite")
    with edgemm.load(tmp_path / "x.tflite") as model, load_part(tmp_path / "x.tflite") as parts:
        assert parts.replay_goldens() == model.replay_goldens() != ()
        goldens = parts.artifact.goldens
        assert goldens is not None
        inputs = dict(goldens.inputs[0])
        expected, found = model.run(inputs), parts.run(inputs)
        for name, each in expected.items():
            np.testing.assert_array_equal(found[name], each)
        with pytest.raises(InputError, match=r"inputs: expected .*; found place$"):
            parts.run({"place": inputs["place"]})


def test_a_golden_that_it_does_not_answer_is_told(files: dict[str, Path], tmp_path: Path) -> None:
    merge_signatures(files, tmp_path / "x.tflite")
    with load_part(tmp_path / "x.tflite") as parts:
        goldens = parts.artifact.goldens
        assert goldens is not None
        other = [{name: each + 1 for name, each in outputs.items()} for outputs in goldens.outputs]
        parts.artifact = replace(parts.artifact, goldens=replace(goldens, outputs=tuple(other)))
        assert not any(each.ok for each in parts.replay_goldens())
        parts.artifact = replace(parts.artifact, goldens=None)
        with pytest.raises(CardError, match="has no goldens to replay"):
            parts.replay_goldens()
