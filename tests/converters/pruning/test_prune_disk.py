"""What `edgemm prune` says of its file is what the disk and the source say; what is poor is a warning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

from edgemm.cli import main

NETWORK = """<ir_version: 8, opset_import: ["": OPSET]>
g (float[BATCH,4,8,8] x) => (float[BATCH,3,8,8] y) {
    a = Conv<pads=[1,1,1,1]>(x, first, first_bias)
    b = Relu(a)
    c = Conv<pads=[1,1,1,1]>(b, second, second_bias)
    d = Relu(c)
    y = Conv(d, third)
}"""
SHAPES = {"first": (64, 4, 3, 3), "first_bias": (64,), "second": (64, 64, 3, 3), "second_bias": (64,)}


def model(path: Path, *, batch: str = "1", opset: int = 17, external: bool = False, copies: int = 1) -> Path:
    """Three layers with random weights, of which pruning loses much; `copies`: channels that stand there so often."""
    rng = np.random.default_rng(0)
    proto = parser.parse_model(NETWORK.replace("BATCH", batch).replace("OPSET", str(opset)))
    for name, shape in {**SHAPES, "third": (3, 64, 1, 1)}.items():
        outs = shape[0] // copies if name not in ("third",) else shape[0]
        array = rng.normal(0, 0.2, (outs, *shape[1:])).astype(np.float32)
        array = np.concatenate([array] * (shape[0] // outs))
        proto.graph.initializer.append(numpy_helper.from_array(array, name))
    where = path.name + ".data" if external else None
    onnx.save(proto, path, save_as_external_data=external, location=where, size_threshold=0)
    return path


def data(folder: Path) -> Path:
    """Random samples."""
    path = folder / "data.npz"
    np.savez(path, x=np.random.default_rng(1).normal(0, 1, (40, 4, 8, 8)).astype(np.float32))
    return path


def prune(
    source: Path, target: str, capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[Path, dict[str, Any]]:
    """The file, and what was said."""
    out = source.parent / "out.onnx"
    given = data(source.parent)
    words = ["prune", str(source), "-o", str(out), "--target", target, "--calibrate", str(given), "--json"]
    code = main([*words, *more])
    told = capsys.readouterr()
    assert code == 0, told.err
    return out, json.loads(told.out)


@pytest.mark.parametrize("external", [False, True])
def test_sizes_are_those_of_the_files(
    external: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = model(tmp_path / "source.onnx", external=external)
    out, said = prune(source, "macs=0.6", capsys)
    whole = sum(each.stat().st_size for each in tmp_path.glob("source.onnx*"))
    assert said["before"]["size"] == whole
    assert said["after"]["size"] == out.stat().st_size


@pytest.mark.parametrize("share", [0.8, 0.5, 0.3])
def test_a_target_for_the_size_is_held_on_the_disk(
    share: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = model(tmp_path / "source.onnx")
    out, _ = prune(source, f"size={share}", capsys)
    left = out.stat().st_size / source.stat().st_size
    assert share - 0.25 < left <= share


def test_a_size_that_cannot_be_held_is_refused_with_the_nearest_that_can(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out, given = model(tmp_path / "source.onnx"), tmp_path / "out.onnx", data(tmp_path)
    words = ["prune", str(source), "-o", str(out), "--calibrate", str(given), "--target"]
    assert main([*words, "size=0.06"]) == 2
    told = capsys.readouterr().err
    assert "the nearest is size=" in told or "alone take" in told
    assert not out.exists()
    if "the nearest is" in told:
        nearest = told.split("the nearest is size=")[1].split(". ")[0]
        assert main([*words, f"size={nearest}"]) == 0
        assert out.stat().st_size <= float(nearest) * source.stat().st_size


def test_little_that_is_kept_is_a_warning_in_text_and_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = model(tmp_path / "source.onnx")
    out, said = prune(source, "macs=0.3", capsys)
    kept = said["outputs"][0]["snr_db"]
    assert kept < 20
    assert any("'y'" in each and f"{kept:.1f} dB" in each for each in said["warnings"])
    words = ["prune", str(source), "-o", str(out), "--target", "macs=0.3", "--calibrate", str(data(tmp_path))]
    assert main(words) == 0
    assert f"warning: {said['warnings'][0]}" in capsys.readouterr().out


def test_a_good_file_has_no_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, said = prune(model(tmp_path / "source.onnx", copies=4), "macs=0.6", capsys)
    assert said["outputs"][0]["snr_db"] > 40
    assert said["warnings"] == []


def test_a_file_that_has_grown_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = model(tmp_path / "source.onnx", copies=4)
    proto = onnx.load(source)
    for each in proto.graph.initializer:  # half as many bytes as float32
        array = numpy_helper.to_array(each).astype(np.float16)
        each.CopyFrom(numpy_helper.from_array(array, f"{each.name}_half"))
        name = each.name.removesuffix("_half")
        proto.graph.node.insert(
            0, onnx.helper.make_node("Cast", [each.name], [name], to=onnx.TensorProto.FLOAT)
        )
    onnx.save(proto, source)
    out, said = prune(source, "macs=0.9", capsys)
    assert out.stat().st_size > source.stat().st_size
    assert any("larger than the source" in each for each in said["warnings"])


def test_an_open_batch_that_is_fixed_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, said = prune(model(tmp_path / "source.onnx", batch="N"), "macs=0.6", capsys)
    assert any("x [N, 4, 8, 8]" in each for each in said["notes"])
    sizes = onnx.load(out).graph.input[0].type.tensor_type.shape.dim
    assert [each.dim_value for each in sizes] == [1, 4, 8, 8]
    _, said = prune(model(tmp_path / "other.onnx"), "macs=0.6", capsys)
    assert not any("leaves open" in each for each in said["notes"])


def test_another_operator_set_is_said_and_can_be_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = model(tmp_path / "source.onnx", opset=19)
    out, said = prune(source, "macs=0.6", capsys)
    assert onnx.load(out).opset_import[0].version == 17
    assert any("opset 19" in each and "opset 17" in each for each in said["notes"])
    out, said = prune(source, "macs=0.6", capsys, "--opset", "19")
    assert onnx.load(out).opset_import[0].version == 19
    assert not any("opset" in each for each in said["notes"])


def test_two_points_of_accuracy_that_are_lost_are_a_warning() -> None:
    from edgemm.converters.fidelity import Fidelity, OutputFidelity
    from edgemm.converters.pruning.poor import warnings_of
    from edgemm.quantize.prune.removal import PruneReport

    report = PruneReport((), {"size": 10}, {"size": 10})
    for accuracy, count in ((0.88, 0), (0.87, 1)):
        output = OutputFidelity("y", 30.0, 0.1, 1.0, accuracy_float=0.9, accuracy=accuracy)
        found = warnings_of(Fidelity(100, (output,)), report)
        assert len(found) == count
        assert all("3.0 points" in each for each in found)
