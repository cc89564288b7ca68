"""`edgemm prune`: a file in, a smaller file out; and what is refused."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from edgemm import data
from edgemm.artifact import read_artifact
from edgemm.cli import main

SOURCE = data.path("models/digits.onnx")
PICTURES = data.path("digits")
WORDS = ["--target", "macs=0.6", "--calibrate", str(PICTURES)]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The pruned file, and what was said; torch cannot be imported while it is made."""
    out = tmp_path_factory.mktemp("pruned") / "small.onnx"
    code = (
        "import sys; sys.modules['torch'] = None; from edgemm.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    page = str(out.with_suffix(".html"))
    words = ["prune", str(SOURCE), "-o", str(out), *WORDS, "--report", page, "--json"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout)


def test_the_file_is_a_smaller_float_onnx_model(small: tuple[Path, dict[str, Any]]) -> None:
    graph = onnx.load_model_from_string(read_artifact(small[0]).payload).graph
    shapes = [list(each.dims) for each in graph.initializer if each.name.endswith("weight")]
    assert min(shape[0] for shape in shapes) < 16
    assert {each.data_type for each in graph.initializer} <= {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64}
    session = onnxruntime.InferenceSession(small[0].read_bytes())
    (scores,) = session.run(None, {"image": np.zeros((1, 1, 28, 28), np.float32)})
    assert scores.shape == (1, 10)


def test_it_says_what_scripts_rely_on(small: tuple[Path, dict[str, Any]]) -> None:
    content = small[1]
    assert content["schema"] == "edgemm.prune/1"
    assert content["after"]["macs"] <= 0.6 * content["before"]["macs"]
    assert content["removed"][0].keys() == {"layer", "kind", "before", "after"}
    assert content["before"].keys() == content["after"].keys() == {"macs", "parameters", "size", "ms"}
    assert content["outputs"]
    assert content["latency"].keys() >= {"onnx"}
    assert any("single zeros" in note for note in content["notes"])


def test_the_card_is_kept_and_tells_what_happened(small: tuple[Path, dict[str, Any]]) -> None:
    card, before = read_artifact(small[0]).card, read_artifact(SOURCE).card
    assert card is not None
    assert before is not None
    assert (card.task, card.labels) == (before.task, before.labels)
    assert [each.step for each in card.history][-1] == "pruned"
    assert card.history[-1].details["target"] == "macs=0.6"
    assert len(card.history[-1].source_sha256) == 64


def test_the_page_names_the_layers(small: tuple[Path, dict[str, Any]]) -> None:
    page = small[0].with_suffix(".html").read_text(encoding="utf-8")
    for each in small[1]["removed"]:
        assert each["layer"] in page


def test_convert_takes_the_file_and_keeps_the_history(
    small: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    out = tmp_path / "small.tflite"
    words = ["convert", str(small[0]), "-o", str(out), "--calibrate", str(PICTURES), "--gate", "warn"]
    assert main(words) == 0
    card = read_artifact(out).card
    assert card is not None
    assert [each.step for each in card.history] == ["pruned"]


def test_it_prints_what_was_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "small.onnx"
    assert main(["prune", str(SOURCE), "-o", str(out), *WORDS]) == 0
    told = capsys.readouterr().out
    assert "multiply-accumulates" in told
    assert "single zeros" in told
    assert "/conv" in told


def test_zeros_make_a_smaller_download_and_it_says_that_they_are_no_faster(
    small: tuple[Path, dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "zeros.onnx"
    assert main(["prune", str(SOURCE), "-o", str(out), *WORDS, "--zeros", "0.5"]) == 0
    told = capsys.readouterr().out
    assert "do not run it faster" in told
    artifact = read_artifact(out)
    plain, zeros = (gzip.compress(read_artifact(each).payload) for each in (small[0], out))
    assert len(zeros) < 0.75 * len(plain)
    weights = [
        onnx.numpy_helper.to_array(each)
        for each in onnx.load_model_from_string(artifact.payload).graph.initializer
        if len(each.dims) > 1
    ]
    for each in weights:
        assert 0.4 < float((each == 0).mean()) < 0.6
    assert artifact.card is not None
    assert artifact.card.history[-1].details["zeros"] == 0.5


def test_low_ranks_come_first_and_layers_that_stay_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every two layers are said to be faster."""
    monkeypatch.setattr("edgemm.quantize.prune.graph.lowrank.timed.FASTER", 1e9)
    out = tmp_path / "small.onnx"
    assert main(["prune", str(SOURCE), "-o", str(out), *WORDS, "--low-rank", "0.8"]) == 0
    told = capsys.readouterr().out
    assert " rank" in told
    assert "no low rank: " in told
    card = read_artifact(out).card
    assert card is not None
    assert card.history[-1].details["low_rank"] == 0.8


REFUSED: dict[str, tuple[list[str], str]] = {
    "no data": (["--target", "macs=0.6"], "--calibrate"),
    "no number": (["--target", "macs=few", "--calibrate", str(PICTURES)], "a number"),
    "out of range": (["--target", "macs=1.5", "--calibrate", str(PICTURES)], "between 0 and 1"),
    "another measure": (["--target", "flops=0.5", "--calibrate", str(PICTURES)], "macs, parameters"),
    "no equals": (["--target", "0.5", "--calibrate", str(PICTURES)], "MEASURE=VALUE"),
    "not to be reached": (["--target", "macs=0.001", "--calibrate", str(PICTURES)], "the nearest is macs="),
    "no such layer": ([*WORDS, "--keep", "/conv1/Con"], "/conv1/Conv"),
    "all layers kept": (
        [*WORDS, "--keep", "/conv1/Conv", "--keep", "/conv2/Conv", "--keep", "/fc1/Gemm"],
        "--keep",
    ),
    "all weights zero": ([*WORDS, "--zeros", "1"], "above 0 and below 1"),
    "a negative fraction of zeros": ([*WORDS, "--zeros=-0.5"], "above 0 and below 1"),
    "zeros that are no number": ([*WORDS, "--zeros", "nan"], "above 0 and below 1"),
    "all energy kept": ([*WORDS, "--low-rank", "1"], "above 0 and below 1"),
    "energy that is no number": ([*WORDS, "--low-rank", "nan"], "above 0 and below 1"),
    "no such data": (["--target", "macs=0.6", "--calibrate", "nowhere"], "nowhere"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_refused_and_nothing_written(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, said = REFUSED[case]
    assert main(["prune", str(SOURCE), "-o", str(tmp_path / "small.onnx"), *words]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"), [("small.tflite", "*.onnx"), ("small.txt", "*.onnx"), ("no/small.onnx", "no")]
)
def test_an_output_that_cannot_be_is_refused(
    name: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prune", str(SOURCE), "-o", str(tmp_path / name), *WORDS]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_source_is_never_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "digits.onnx"
    copy.write_bytes(SOURCE.read_bytes())
    assert main(["prune", str(copy), "-o", str(copy), *WORDS]) == 2
    assert "the source file itself" in capsys.readouterr().err
    assert copy.read_bytes() == SOURCE.read_bytes()


def test_a_refusal_leaves_an_output_of_before_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "small.onnx"
    out.write_bytes(b"before")
    assert (
        main(["prune", str(SOURCE), "-o", str(out), "--target", "macs=0.001", "--calibrate", str(PICTURES)])
        == 2
    )
    assert out.read_bytes() == b"before"


def test_a_quantized_source_is_refused_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    int8, out = tmp_path / "int8.onnx", tmp_path / "small.onnx"
    assert main(["convert", str(SOURCE), "-o", str(int8), "--calibrate", str(PICTURES)]) == 0
    assert main(["prune", str(int8), "-o", str(out), *WORDS]) == 2
    assert "Prune the float model" in capsys.readouterr().err
    assert not out.exists()


def test_a_tflite_source_loses_the_channels_that_its_onnx_form_loses(
    small: tuple[Path, dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "whole.tflite", tmp_path / "small.onnx"
    assert main(["convert", str(SOURCE), "-o", str(source), "--scheme", "float"]) == 0
    capsys.readouterr()
    assert main(["prune", str(source), "-o", str(out), *WORDS, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["after"]["macs"] == small[1]["after"]["macs"]
    sessions = [onnxruntime.InferenceSession(path.read_bytes()) for path in (small[0], out)]
    picture = np.random.default_rng(0).uniform(0, 1, (1, 1, 28, 28)).astype(np.float32)
    name = sessions[1].get_inputs()[0].name
    expected = sessions[0].run(None, {"image": picture})[0]
    found = sessions[1].run(None, {name: picture.transpose(0, 2, 3, 1)})[0]
    np.testing.assert_allclose(found, expected, atol=1e-3 * float(np.abs(expected).max()))


def test_a_damaged_tflite_source_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "model.tflite", tmp_path / "small.onnx"
    source.write_bytes(b"")
    assert main(["prune", str(source), "-o", str(out), *WORDS]) == 6
    assert "model.tflite" in capsys.readouterr().err
    assert not out.exists()


def test_an_open_dimension_is_refused_and_a_shape_helps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = onnx.load(SOURCE)
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    source, out = tmp_path / "open.onnx", tmp_path / "small.onnx"
    onnx.save(model, source)
    assert main(["prune", str(source), "-o", str(out), *WORDS]) == 2
    assert "--shape" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("option", ["--report", "--sensitivity", "-o"])
def test_a_folder_that_takes_no_file_is_refused_before_any_work(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("there is no /proc here: a folder that root may write to, and that takes no file")
    for work in ("prune_file", "file_sensitivity"):
        monkeypatch.setattr(f"edgemm.converters.{work}", lambda *_, **__: pytest.fail("work was begun"))
    if option == "-o":
        monkeypatch.undo()
        monkeypatch.setattr(
            "edgemm.converters.pruning.file.read", lambda _: pytest.fail("the source was read")
        )
    words = ["prune", str(SOURCE), "--calibrate", str(PICTURES)]
    if option != "--sensitivity":
        words += ["--target", "macs=0.6"]
    if option == "--report":
        words += ["-o", str(tmp_path / "small.onnx")]
    assert main([*words, option, "/proc/page.onnx"]) == 2
    assert "/proc/page.onnx: cannot be written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
