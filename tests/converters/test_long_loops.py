"""A loop that is written out is said to be one, with its name, and is the reason that is given for a large file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

from edgemm.converters import convert


def scanned(path: Path, rounds: int) -> Path:
    """h = tanh(h - x): a Scan over the rows of x."""
    proto = onnx.parser.parse_model(f"""<ir_version: 8, opset_import: ["": 17]> g (float[{rounds},4] x, float[4] h)
        => (float[4] y, float[{rounds},4] z) {{
        y, z = Scan<num_scan_inputs=1, body = b (float[4] s, float[4] e) => (float[4] so, float[4] t) {{
            u = Sub(e, s) so = Tanh(u) t = Identity(so) }}>(h, x) }}""")
    proto.graph.node[0].name = "cell"
    onnx.save(proto, path)
    return path


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
def test_a_long_loop_is_named_as_the_reason_for_its_size(tmp_path: Path, suffix: str) -> None:
    made = convert(scanned(tmp_path / "in.onnx", 40), output=tmp_path / f"out.{suffix}", scheme="float")
    (told,) = [
        note for note in made.notes if note.startswith("node 'cell', a Scan of 40 rounds, was written out")
    ]
    operators = int(told.split(" as ")[1].split()[0])
    graph = onnx.load(tmp_path / "out.onnx").graph if suffix == "onnx" else None
    assert graph is None or 0 <= len(graph.node) - operators < 5
    (larger,) = [note for note in made.notes if "larger than its source" in note]
    assert larger.endswith(f"node 'cell', a Scan of 40 rounds, was written out as {operators} operators")
    assert "float32" not in larger


def test_a_short_loop_is_not_worth_a_word(tmp_path: Path) -> None:
    made = convert(scanned(tmp_path / "in.onnx", 3), output=tmp_path / "out.onnx", scheme="float")
    assert not [note for note in made.notes if note.startswith("node 'cell'")]


def test_a_loop_in_a_round_counts_to_its_loop(tmp_path: Path) -> None:
    proto = onnx.parser.parse_model("""<ir_version: 8, opset_import: ["": 17]> g (float[4] x) => (float[4] y) {
        M = Constant<value_int=6>()
        y = Loop<body = b (int64 i, bool ci, float[4] s) => (bool co, float[4] so) { co = Identity(ci)
            c = Constant<value = bool {1}>()
            so = If<then_branch = t () => (a) {
                    a = Loop<body = b2 (int64 j, bool cj, float[4] s2) => (bool co2, float[4] so2) {
                        co2 = Identity(cj) v = Sub(x, s2) so2 = Tanh(v) }>(M, , s) },
                    else_branch = e () => (d) { d = Exp(s) }>(c) }>(M, , x) }""")
    proto.graph.node[1].name = "outer"
    onnx.save(proto, tmp_path / "in.onnx")
    made = convert(tmp_path / "in.onnx", output=tmp_path / "out.onnx", scheme="float")
    (told,) = [note for note in made.notes if "was written out" in note and "file and time" in note]
    assert told.startswith("node 'outer', a Loop of 6 rounds, was written out as 72 operators:")
    assert np.sum([node.op_type == "Tanh" for node in onnx.load(tmp_path / "out.onnx").graph.node]) == 36
