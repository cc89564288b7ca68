"""Operators that are none of the standard's, and strings, are refused with a remedy that fits them."""

from __future__ import annotations

import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from edgemm.converters.passes import canonicalize
from edgemm.errors import UnsupportedOperator


def model(*nodes: onnx.NodeProto, kind: int = TensorProto.FLOAT) -> ir.Model:
    """x [3] -> y, both of one type."""
    ends = [helper.make_tensor_value_info(name, kind, shape) for name, shape in (("x", [3]), ("y", None))]
    domains = sorted({node.domain for node in nodes if node.domain})
    opsets = [helper.make_opsetid("", 20), *(helper.make_opsetid(domain, 1) for domain in domains)]
    made: ir.Model = ir.from_proto(
        helper.make_model(helper.make_graph(list(nodes), "g", ends[:1], ends[1:]), opset_imports=opsets)
    )
    return made


@pytest.mark.parametrize("operator", ["StringNormalizer", "StringConcat", "Identity"])
def test_strings_are_named_with_their_node(operator: str) -> None:
    inputs = ["x", "x"] if operator == "StringConcat" else ["x"]
    made = model(helper.make_node(operator, inputs, ["y"], name="words"), kind=TensorProto.STRING)
    with pytest.raises(UnsupportedOperator, match=rf"'words' \({operator}\): strings.*numbers on the host"):
        canonicalize(made)


@pytest.mark.parametrize("domain", ["my.domain", "ai.onnx.ml"])
def test_the_cut_is_in_front_of_a_foreign_node(domain: str) -> None:
    made = model(
        helper.make_node("Abs", ["x"], ["size"]), helper.make_node("Own", ["size"], ["y"], domain=domain)
    )
    with pytest.raises(UnsupportedOperator, match=r"host, beside the model \(--outputs size cuts") as raised:
        canonicalize(made)
    assert "runtime optimizes" not in str(raised.value)


def test_a_foreign_node_that_begins_the_model_is_cut_off() -> None:
    made = model(
        helper.make_node("Own", ["x"], ["scaled"], domain="my.domain"),
        helper.make_node("Abs", ["scaled"], ["y"]),
    )
    with pytest.raises(UnsupportedOperator, match=r"\(--inputs scaled cuts it off\)"):
        canonicalize(made)
