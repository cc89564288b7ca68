"""Bundles that do not hold together: each is refused in a sentence that says what was expected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import needs, package
from tiny_reader import ALPHABET, HEIGHT, blank_page, detector, loaded, put, recognizer, write_folder

from edgemm.artifact.bundle import write_bundle
from edgemm.card.bundle_card import BundleCard
from edgemm.errors import ArtifactError, CardError, DamagedArtifact, InputError
from edgemm.opencv import opencv
from edgemm.tasks.ocr.recipe import OcrRecipe

onnx = package("onnx")
TensorProto = onnx.TensorProto
helper = onnx.helper

needs(opencv)


def refused(folder: Path, *said: str) -> None:
    with pytest.raises(ArtifactError) as error:
        loaded(folder).close()
    for each in said:
        assert each in str(error.value)


def changed(folder: Path, **changes: Any) -> Path:
    """bundle.json with other keys."""
    path = folder / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")
    return folder


@pytest.mark.parametrize(("alphabet", "found"), [("abcd", 4), ("abcdefgh", 8), ("a", 1)])
def test_an_alphabet_that_does_not_fit(tmp_path: Path, alphabet: str, found: int) -> None:
    folder = write_folder(tmp_path / "x", alphabet=alphabet)
    refused(folder, "asset 'alphabet'", "expected 6 characters", f"found {found}", "another network")


def test_a_space_is_added_to_an_alphabet_of_one_less(tmp_path: Path) -> None:
    page = blank_page(416, 96)
    put(page, "afa", (208, 48))
    with loaded(write_folder(tmp_path / "x", alphabet=ALPHABET[:-1])) as opened:
        assert opened(page).text == "a a"


def test_no_alphabet_at_all(tmp_path: Path) -> None:
    refused(write_folder(tmp_path / "x", alphabet=None), "asset 'alphabet'", "`character`")


def test_an_alphabet_of_other_bytes(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "x")
    (folder / "alphabet.txt").write_bytes(b"\xff\xfe\x00")
    refused(folder, "alphabet", "UTF-8")


def test_the_alphabet_of_the_metadata_is_read(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "x", alphabet=None)
    with_character(folder)
    page = blank_page(416, 96)
    put(page, "fad", (208, 48))
    with loaded(folder) as opened:
        assert opened(page).text == "fad"


def with_character(folder: Path, text: str = "\n".join(ALPHABET)) -> None:
    model = recognizer()
    model.metadata_props.add(key="character", value=text)
    onnx.save(model, str(folder / "recognizer.onnx"))


def test_an_asset_stands_above_the_metadata(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "x", alphabet="uvwxyz")
    with_character(folder)
    page = blank_page(416, 96)
    put(page, "fad", (208, 48))
    with loaded(folder) as opened:
        assert opened(page).text == "zux"


def test_the_networks_in_each_others_place(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "x")
    parts = {"detector": {"file": "recognizer.onnx"}, "recognizer": {"file": "detector.onnx"}}
    with pytest.raises(ArtifactError):
        loaded(changed(folder, parts=parts)).close()


def test_a_detector_that_is_missing(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "x")
    (folder / "detector.onnx").unlink()
    refused(folder, "detector")


def test_a_part_that_has_no_role(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "x")
    refused(changed(folder, parts={"detector": {"file": "detector.onnx"}}), "'recognizer' is missing")


def test_a_truncated_network(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "x")
    whole = (folder / "recognizer.onnx").read_bytes()
    (folder / "recognizer.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArtifactError):
        loaded(folder).close()


def test_a_changed_network_in_a_zip(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "x")
    with write_bundle(folder, tmp_path / "x.zip") as written:
        inside = written.folder
        card = written.card
    onnx.save(detector((64, 64)), str(folder / "detector.onnx"))
    (folder / "bundle.json").write_text(card.to_json(), encoding="utf-8")
    with pytest.raises(DamagedArtifact, match="detector"):
        loaded(folder).close()
    assert inside


def two_inputs() -> Any:
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 16, 64]) for name in "ab"]
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 3, 16, 64])
    graph = helper.make_graph([helper.make_node("Add", ["a", "b"], ["out"])], "g", value, [out])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("role", ["detector", "recognizer"])
def test_a_network_with_two_inputs(tmp_path: Path, role: str) -> None:
    folder = write_folder(tmp_path / "x")
    onnx.save(two_inputs(), str(folder / f"{role}.onnx"))
    refused(folder, f"part {role!r}", "one input", "a [1, 3, 16, 64], b [1, 3, 16, 64]")


def nothing_finite(role: str) -> Any:
    """The network with its output times infinity, less itself."""
    model = detector() if role == "detector" else recognizer()
    name = model.graph.output[0].name
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(np.inf, np.float32), "huge"))
    model.graph.node.append(helper.make_node("Mul", [name, "huge"], ["large"]))
    model.graph.node.append(helper.make_node("Sub", ["large", "large"], ["nan"]))
    model.graph.output[0].name = "nan"
    return model


@pytest.mark.parametrize("role", ["detector", "recognizer"])
def test_numbers_that_are_not_finite_are_said(tmp_path: Path, role: str) -> None:
    folder = write_folder(tmp_path / "x")
    onnx.save(nothing_finite(role), str(folder / f"{role}.onnx"))
    page = blank_page(416, 96)
    put(page, "fad", (208, 48))
    with (
        loaded(folder) as opened,
        pytest.raises(ArtifactError, match=f"part '{role}'.*NaN or infinity"),
    ):
        opened(page)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"most_side": 40, "multiple": 64}, "most_side"),
        ({"least_width": 700}, "least_width"),
        ({"overlap": 400}, "overlap"),
        ({"threshold": 1.5}, "threshold"),
        ({"blank": "middle"}, "blank"),
    ],
)
def test_settings_that_are_out_of_range(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(CardError, match=said):
        loaded(write_folder(tmp_path / "x", **change)).close()


def test_an_option_that_there_is_not(reader_folder: Path) -> None:
    with pytest.raises(InputError, match="most_side"):
        loaded(reader_folder, most_sides=3).close()


def test_the_defaults_are_read_back_as_they_are_written() -> None:
    content = {
        "schema": "edgemm.bundle/1",
        "driver": "ocr",
        "parts": {r: {"file": f"{r}.onnx"} for r in ("detector", "recognizer")},
    }
    card = BundleCard.from_json(json.dumps(content))
    assert card.task == "ocr"
    assert card.recipe == OcrRecipe()
    assert BundleCard.from_json(card.to_json()).recipe == card.recipe


def angle_network() -> Any:
    """[1, 3, 16, 96] -> upright where the upper half is blue enough."""
    half = helper.make_tensor("begin", TensorProto.INT64, [1], [0])
    end = helper.make_tensor("end", TensorProto.INT64, [1], [HEIGHT // 2])
    axis = helper.make_tensor("axis", TensorProto.INT64, [1], [2])
    weights = helper.make_tensor("w", TensorProto.FLOAT, [2, 1], [1.0, 0.0])
    zero = helper.make_tensor("z", TensorProto.FLOAT, [2], [0.0, 0.38])
    blue = [
        helper.make_tensor(name, TensorProto.INT64, [1], [at])
        for name, at in (("two", 2), ("three", 3), ("one", 1))
    ]
    sharp = helper.make_tensor("sharp", TensorProto.FLOAT, [], [20.0])
    nodes = [
        helper.make_node("Slice", ["x", "begin", "end", "axis"], ["top"]),
        helper.make_node("Slice", ["top", "two", "three", "one"], ["blue"]),
        helper.make_node("ReduceMean", ["blue"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Gemm", ["mean", "w", "z"], ["logit"], transB=1),
        helper.make_node("Mul", ["logit", "sharp"], ["sharper"]),
        helper.make_node("Softmax", ["sharper"], ["out"], axis=1),
    ]
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, HEIGHT, 96])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 2])],
        [half, end, axis, weights, zero, sharp, *blue],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def angled(tmp_path: Path) -> Path:
    folder = write_folder(tmp_path / "angled", turn_below=0.0)
    onnx.save(angle_network(), str(folder / "angle.onnx"))
    parts = {role: {"file": f"{role}.onnx"} for role in ("detector", "recognizer", "angle")}
    return changed(folder, parts=parts)


@pytest.mark.parametrize("degrees", [0, 180, 20, 200, 90, 270])
def test_a_network_says_what_stands_upside_down(angled: Path, degrees: float) -> None:
    page = blank_page(416, 416)
    put(page, "fab", (208, 208), degrees)
    with loaded(angled) as opened:
        assert opened(page).lines == ("fab",)
    with loaded(angled, angle_score=0.9999, least_score=0.0) as never:
        assert (never(page).lines == ("fab",)) == (degrees < 180)


def test_a_network_of_other_classes_is_no_angle(angled: Path) -> None:
    onnx.save(recognizer(96), str(angled / "angle.onnx"))
    refused(angled, "part 'angle'", "0 and 180 degrees")
