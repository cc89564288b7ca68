"""Networks by chance, from which channels are cut: equal to the whole network with those channels multiplied by zero.

The zeros are put in where channels are read: a Mul in front of each layer of the uncut graph, in ONNX Runtime. All
values keep their places there: a channel that is followed wrongly, or cut at the wrong index, gives another output.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from edgemm.converters.passes import canonicalize
from edgemm.quantize.prune.graph.cut import cut
from edgemm.quantize.prune.graph.groups import groups_of
from edgemm.quantize.prune.graph.operators import OPERATORS
from edgemm.quantize.prune.graph.trace import trace

FLOAT = 2e-5
"""Of the largest output: sums in another order."""
SIZE = 8


class Maker:
    """A network of random layers over pictures of 3 x 8 x 8."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.branches: list[tuple[str, int]] = [("image", 3)]

    def constant(self, *shape: int) -> str:
        name = f"c{len(self.constants)}"
        array = self.rng.standard_normal(shape) / np.sqrt(max(prod(shape[1:]), 1))
        self.constants.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    def node(self, kind: str, inputs: list[str], **attributes: object) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [f"{name}_out"], name, **attributes))
        return f"{name}_out"

    def conv(self, value: str, i: int, o: int, groups: int = 1, kernel: int = 3) -> str:
        weight = self.constant(o, i // groups, kernel, kernel)
        pads = [kernel // 2] * 4
        return self.node("Conv", [value, weight, self.constant(o)], group=groups, pads=pads)

    def step(self) -> None:
        """One more layer, sum or concatenation; its result can be read by all later ones."""
        value, count = self.branches[int(self.rng.integers(len(self.branches)))]
        kind = self.rng.choice(
            ["conv", "sum", "concat", "depthwise", "grouped", "transposed", "act", "split"]
        )
        out = int(self.rng.integers(2, 5)) * 2
        if kind == "sum":
            made = self.node("Add", [self.conv(value, count, out), self.conv(value, count, out, kernel=1)])
        elif kind == "concat":
            other, more = self.branches[int(self.rng.integers(len(self.branches)))]
            made, out = self.node("Concat", [value, other], axis=1), count + more
        elif kind == "depthwise":
            made, out = self.conv(value, count, count, groups=count), count
        elif kind == "grouped":
            made = self.conv(self.conv(value, count, 8), 8, 8, groups=int(self.rng.choice([2, 4])))
            out = 8
        elif kind == "transposed":
            weight = self.constant(count, out, 3, 3)
            made = self.node("ConvTranspose", [value, weight, self.constant(out)], pads=[1, 1, 1, 1])
        elif kind == "act":
            made, out = self.node(str(self.rng.choice(["Relu", "Sigmoid", "Tanh"])), [value]), count
        elif kind == "split":
            whole = self.conv(value, count, 2 * out)
            parts = [f"s{len(self.nodes)}_{side}" for side in range(2)]
            self.nodes.append(helper.make_node("Split", [whole], parts, parts[0], axis=1))
            made = self.node("Mul", parts)
        else:
            made = self.conv(value, count, out)
        if out <= 24:
            self.branches.append((made, out))

    def model(self) -> ir.Model:
        """With a convolution, and two fully connected layers, at its end; canonical."""
        for _ in range(int(self.rng.integers(3, 8))):
            self.step()
        value, count = self.branches[-1]
        value = self.node("Relu", [self.conv(value, count, 4)])
        flat = self.node("Flatten", [value])
        for i, o in ((4 * SIZE * SIZE, 12), (12, 3)):
            flat = self.node("Gemm", [flat, self.constant(o, i), self.constant(o)], transB=1)
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in (("image", [1, 3, SIZE, SIZE]), (flat, [1, 3]))
        ]
        graph = helper.make_graph(self.nodes, "network", ends[:1], ends[1:], self.constants)
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        made: ir.Model = ir.from_proto(onnx.shape_inference.infer_shapes(proto, strict_mode=True))
        canonicalize(made)
        return made


def silenced(model: ir.Model, gone: list[int]) -> onnx.ModelProto:
    """The whole network with a Mul by 0 or 1 in front of every layer, on the channels that it reads."""
    found, proto = trace(model, OPERATORS), ir.to_proto(model)
    masks = {}
    for layer in found.layers:
        if layer.into is not None:
            mask = ~np.isin(found.channels.roots(layer.into), gone)
            masks[layer.name] = mask.astype(np.float32)
    nodes = []
    for node in proto.graph.node:
        if node.name in masks:
            shape = (1, -1, 1, 1) if node.op_type in ("Conv", "ConvTranspose") else (1, -1)
            name = f"{node.name}_mask"
            proto.graph.initializer.append(numpy_helper.from_array(masks[node.name].reshape(shape), name))
            nodes.append(helper.make_node("Mul", [node.input[0], name], [f"{name}_out"], name))
            node.input[0] = f"{name}_out"
        nodes.append(node)
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    return proto


def answers(proto: onnx.ModelProto, image: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return session.run(None, {"image": image})[0]  # type: ignore[no-any-return]


def test_a_cut_network_equals_the_whole_one_with_those_channels_silenced(
    rounds: Callable[[int, int], int],
) -> None:
    wrong, pruned = [], 0
    for seed in range(rounds(500, 25)):
        model = Maker(seed).model()
        groups, rng = groups_of(trace(model, OPERATORS)), np.random.default_rng(seed)
        gone = [
            int(column)
            for group in groups
            for column in rng.permutation(group.columns)[: int(rng.integers(0, len(group.columns)))]
            if all(column != part[seed % len(part)] for part in group.parts)
        ]
        if not gone:
            continue
        pruned += 1
        small = ir.to_proto(cut(model, trace(model, OPERATORS), gone))
        onnx.checker.check_model(small, full_check=True)
        image = rng.standard_normal((1, 3, SIZE, SIZE)).astype(np.float32)
        wanted, found = answers(silenced(model, gone), image), answers(small, image)
        if np.abs(wanted - found).max() > FLOAT * np.abs(wanted).max() + 1e-7:
            wrong.append(seed)
    assert wrong == []
    assert pruned > rounds(500, 25) // 2
