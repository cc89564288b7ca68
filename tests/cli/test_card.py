"""`edgemm card new|set|copy`: begun, filled in, checked, written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import needs

import edgemm
from edgemm.artifact import read_artifact, write_artifact
from edgemm.card import InputCard, ModelCard
from edgemm.cli import main
from edgemm.errors import MissingDependency
from edgemm.litert_runtime import find_litert
from edgemm.opencv import opencv

ASSETS = Path(__file__).parents[1] / "assets"


@pytest.fixture(autouse=True)
def _runtimes() -> None:
    needs(find_litert)
    needs(opencv)
    pytest.importorskip("onnxruntime")


class Files:
    """A model and a card in a folder of their own, and the command that joins them."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys

    def model(self, name: str, card: ModelCard | None = None) -> Path:
        write_artifact(self.folder / name, (ASSETS / name).read_bytes(), card)
        return self.folder / name

    def set(self, model: Path, card: dict[str, Any]) -> tuple[int, str]:
        path = self.folder / "card.json"
        path.write_text(json.dumps(card), encoding="utf-8")
        code = main(["card", "set", str(model), str(path)])
        return code, self.capsys.readouterr().err


@pytest.fixture
def files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Files:
    return Files(tmp_path, capsys)


PIXELS: dict[str, Any] = {"modality": "image", "image": {"color": "gray"}}
SCORES: dict[str, Any] = {"decode": "probabilities"}
QUADRANT: dict[str, Any] = {
    "task": "classification", "inputs": [PIXELS], "outputs": [SCORES], "labels": ["a", "b", "c", "d"],
}  # fmt: skip
SOUND: dict[str, Any] = {"sample_rate": 8000, "feature": "waveform", "samples": 80, "hop": 40, "stride": 40}


@pytest.mark.parametrize(
    ("name", "layout", "shape"),
    [("quadrant.tflite", "NHWC", (1, 2, 2, 1)), ("bright.onnx", "NCHW", (1, 1, 2, 2))],
)
def test_set_fills_in_what_the_card_leaves_out(
    files: Files, name: str, layout: str, shape: tuple[int, ...]
) -> None:
    model = files.model(name)
    assert files.set(model, QUADRANT) == (0, "")
    card = read_artifact(model).card
    assert card is not None
    assert (card.inputs[0].name, card.inputs[0].layout, card.inputs[0].shape) == ("pixels", layout, shape)
    assert (card.outputs[0].name, card.outputs[0].shape) == ("scores", (1, 4))
    with edgemm.load(model) as loaded:
        found = loaded(np.array([[0, 0], [255, 0]], np.uint8))
    assert found.label == "c"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("quadrant.tflite", {"lables": ["a"]}, "card.lables: is not a key of the card itself. Did you mean 'labels'?"),
        ("quadrant.tflite", {"inputs": [{**PIXELS, "image": {"maen": [0.5]}}]}, "Did you mean 'mean'?"),
        ("quadrant.tflite", {"labels": ["a", "b"]}, "one label for each of its 4 scores, found 2 labels"),
        ("quadrant.tflite", {"inputs": [{**PIXELS, "image": {"color": "rgb"}}]}, "pixels"),
        ("quadrant.tflite", {"inputs": [{"image": {"color": "gray"}}]}, 'Say "modality": "image"'),
        ("quadrant.tflite", {"inputs": [{"modality": "image"}]}, "expected a card with `image`"),
        ("quadrant.tflite", {"states": [{"output": "h", "input": "c"}]}, "state 'c' of the card is not in the file"),
        ("quadrant.tflite", {"outputs": [{"decode": "raw"}]}, "needs `decode` to be one of"),
        ("quadrant.tflite", {"inputs": [PIXELS, PIXELS]}, "the card describes 2 input(s)"),
        ("quadrant.tflite", {"task": "keyword", "keyword": {"background": ["z"]}}, "keyword.background: z"),
        ("loud.tflite", {"inputs": [{"modality": "audio", "audio": {**SOUND, "samples": 99}}], "labels": ["a", "b"],
         "outputs": [{"decode": "logits"}]}, "the tensor is [1, 80]"),
        ("gru_whole.onnx", {"inputs": [], "outputs": [{"name": "y", "decode": "logits"}, {"name": "h_after"}],
         "labels": []}, "shape [1, C] or [C], found [20, 1, 1, 4]"),
    ],
)  # fmt: skip
def test_what_run_would_refuse_is_refused_and_the_file_stays(
    files: Files, model: str, changes: dict[str, Any], message: str
) -> None:
    path = files.model(model)
    before = path.read_bytes()
    code, error = files.set(path, {**QUADRANT, **changes})
    assert code == 6
    assert message in error
    assert path.read_bytes() == before


def test_notes_of_ones_own_are_written(files: Files) -> None:
    model = files.model("quadrant.tflite")
    assert files.set(model, {**QUADRANT, "x-owner": "me"})[0] == 0
    assert read_artifact(model).card.extra == {"x-owner": "me"}  # type: ignore[union-attr]


def test_a_task_that_is_not_decoded_yet_is_written(files: Files) -> None:
    """By this version; with a note, since `run` refuses it."""
    code, error = files.set(files.model("quadrant.tflite"), {**QUADRANT, "task": "audio"})
    assert code == 0
    assert "task 'audio': this edgemm decodes classification, detection, " in error


def test_inputs_that_run_cannot_feed_are_said(files: Files) -> None:
    text = {"name": "x", "modality": "text", "role": "ids", "text": {"tokenizer": "bytes"}}
    code, error = files.set(files.model("total.onnx"), {"inputs": [text, {"name": "before"}]})
    assert code == 0
    assert "or those of a text, and this card has 'x' (text), 'before' (tensor)" in error


def test_without_a_runtime_the_task_is_looked_at_too(files: Files) -> None:
    code, error = files.set(files.model("edgetpu.tflite"), {"task": "audio"})
    assert code == 0
    assert "this edgemm decodes" in error


def test_what_was_measured_at_conversion_is_kept(files: Files) -> None:
    old = ModelCard(quantization={"scheme": "static"}, fidelity={"outputs": []}, source_sha256="ab" * 32)
    model = files.model("quadrant.tflite", old)
    assert files.set(model, QUADRANT)[0] == 0
    card = read_artifact(model).card
    assert card is not None
    assert (card.quantization, card.source_sha256) == ({"scheme": "static"}, "ab" * 32)


def test_a_card_that_says_it_itself_is_right(files: Files) -> None:
    model = files.model("quadrant.tflite", ModelCard(quantization={"scheme": "static"}))
    assert files.set(model, {**QUADRANT, "quantization": {"scheme": "float"}})[0] == 0
    assert read_artifact(model).card.quantization == {"scheme": "float"}  # type: ignore[union-attr]


def test_what_was_measured_on_another_payload_is_not_kept(files: Files) -> None:
    """As after a compiler: the hash in the card is that of the model before it."""
    model = files.model("bright.onnx", ModelCard(quantization={"scheme": "static"}))
    old = read_artifact(model)
    altered = old.payload.replace(b"tiny", b"tine")
    model.write_bytes(model.read_bytes().replace(b"tiny", b"tine"))
    assert len(altered) == len(old.payload)
    assert files.set(model, QUADRANT)[0] == 0
    assert read_artifact(model).card.quantization == {}  # type: ignore[union-attr]


def test_set_takes_a_preset(files: Files) -> None:
    model = files.model("loud.tflite")
    assert main(["card", "set", str(model), "waveform16k"]) == 6
    assert "the tensor is [1, 80]" in files.capsys.readouterr().err
    assert main(["card", "set", str(model), "no-such"]) == 2
    assert "expected a JSON file or a preset" in files.capsys.readouterr().err


def test_a_model_for_an_accelerator_is_written_unchecked(files: Files) -> None:
    code, error = files.set(files.model("edgetpu.tflite"), {"task": "tensors"})
    assert code == 0
    assert "not wholly checked against the model" in error
    card = read_artifact(files.folder / "edgetpu.tflite").card
    assert card is not None
    assert [each.name for each in card.inputs] == ["x"]


def test_without_the_runtime_the_card_is_written_unchecked(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(*_: object, **__: object) -> None:
        raise MissingDependency("ONNX Runtime", "ort")

    monkeypatch.setattr("edgemm.model.card_check._opened", lacking)
    code, error = files.set(files.model("bright.onnx"), QUADRANT)
    assert code == 0
    assert "ONNX Runtime is not installed" in error
    assert read_artifact(files.folder / "bright.onnx").card.inputs[0].name == "pixels"  # type: ignore[union-attr]


def test_copy_keeps_keys_of_a_later_version(files: Files) -> None:
    card = ModelCard.from_json(json.dumps({"later": 1}))
    source = files.model("total.tflite", card)
    target = files.model("total.onnx")
    assert main(["card", "copy", str(source), str(target)]) == 0
    assert read_artifact(target).card.extra == {"later": 1}  # type: ignore[union-attr]


def test_copy_to_another_kind_of_model_is_refused(files: Files) -> None:
    source, target = (
        files.model("total.tflite", ModelCard(inputs=(InputCard("a"), InputCard("b")))),
        "loud.tflite",
    )
    assert main(["card", "copy", str(source), str(files.model(target))]) == 6


# new


@pytest.mark.parametrize(
    "name",
    [
        "quadrant.tflite", "share.onnx", "loud.tflite", "gru_step.onnx", "open_batch.onnx", "where.tflite",
        "add_numbers.onnx", "add_nothing.tflite", "edgetpu.tflite",
    ],
)  # fmt: skip
def test_a_begun_card_is_one_that_set_takes(files: Files, name: str) -> None:
    model, card = files.folder / name, files.folder / "new.json"
    model.write_bytes((ASSETS / name).read_bytes())
    assert main(["card", "new", str(model), "-o", str(card)]) == 0
    assert main(["card", "set", str(model), str(card)]) == 0, files.capsys.readouterr().err
    written = read_artifact(model).card
    assert written is not None
    assert "x-help" not in written.to_json()
    assert "x-guessed" not in written.to_json()


def test_every_key_is_explained_and_has_a_value(files: Files) -> None:
    path = files.folder / "new.json"
    assert (
        main(["card", "new", str(files.model("loud.tflite")), "--preset", "waveform16k", "-o", str(path)])
        == 0
    )
    content = json.loads(path.read_text(encoding="utf-8"))
    objects = [
        content,
        content["keyword"],
        content["inputs"][0],
        content["inputs"][0]["audio"],
        content["outputs"][0],
    ]
    for each in objects:
        told = {key for key in each if key not in ("x-help", "x-guessed", "schema", "keyword")}
        assert each["x-help"].keys() == told
        assert all(len(said) > 15 for said in each["x-help"].values())
    assert content["inputs"][0]["audio"]["sample_rate"] == 16000
    assert "hertz" in content["inputs"][0]["audio"]["x-help"]["sample_rate"]


def test_guesses_are_said_to_be_guesses(files: Files) -> None:
    shape = {"pixels": [1, 3, 32, 32]}
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in
            (("pixels", shape["pixels"]), ("y", [1, 3]))]  # fmt: skip
    node = helper.make_node("ReduceMean", ["pixels"], ["y"], axes=[2, 3], keepdims=0)
    graph = helper.make_graph([node], "g", ends[:1], ends[1:])
    path = files.folder / "colours.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    assert main(["card", "new", str(path), "-o", str(files.folder / "c.json")]) == 0
    out = files.capsys.readouterr().out
    content = json.loads((files.folder / "c.json").read_text(encoding="utf-8"))
    assert (content["task"], content["labels"]) == ("classification", ["class 0", "class 1", "class 2"])
    assert (content["inputs"][0]["image"]["color"], content["inputs"][0]["layout"]) == ("rgb", "NCHW")
    assert out.count("guessed: ") == len(content["x-guessed"]) == 2
    assert main(["card", "set", str(path), str(files.folder / "c.json")]) == 0


def test_a_card_that_is_there_is_not_overwritten(files: Files) -> None:
    model, card = files.model("total.onnx"), files.folder / "mine.json"
    card.write_text("{}", encoding="utf-8")
    assert main(["card", "new", str(model), "-o", str(card)]) == 2
    assert card.read_text(encoding="utf-8") == "{}"


def test_new_prints_where_no_file_is_named(files: Files) -> None:
    assert main(["card", "new", str(files.model("total.onnx"))]) == 0
    assert ModelCard.from_json(files.capsys.readouterr().out).name == "total"


def test_new_as_json(files: Files) -> None:
    assert main(["card", "new", str(files.model("total.onnx")), "--json"]) == 0
    said = json.loads(files.capsys.readouterr().out)
    assert (said["schema"], said["card"]["task"]) == ("edgemm.card.new/1", "tensors")


@pytest.mark.parametrize("changes", [{"lables": ["a"]}, {"labels": ["a", "b"]}, {"task": "clasification"}])
def test_an_error_of_set_names_the_json_and_not_set_itself(files: Files, changes: dict[str, Any]) -> None:
    code, error = files.set(files.model("quadrant.tflite"), {**QUADRANT, **changes})
    assert code == 6
    assert error.startswith(f"edgemm: {files.folder / 'card.json'}: ")
    assert "card set" not in error
    assert "?." not in error
