"""Writes edgemm/data/costs/models.tar.xz, the small models that `edgemm bench --costs` times:
`python scripts/cost_models.py`.

Each model is a chain of equal operators, or several side by side, in one size, format and precision, written as
`edgemm convert` writes it. Weights are constant, so that the archive is small.
"""

from __future__ import annotations

import argparse
import io
import json
import lzma
import tarfile
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from cost_cases import cases
from cost_graph import Case, Graph

from edgemm.converters.prepare import prepare
from edgemm.converters.written import Format, Settings, write_plan
from edgemm.costs.point import DYNAMIC, DYNAMIC_UNSIGNED, FLOAT, HYBRID, INT8, INT8_UNSIGNED, NO_WORK, Work
from edgemm.errors import EdgemmError
from edgemm.quantize import calibrate, make_plan
from edgemm.quantize.costs.kinds import PICTURE, kind_of, size, work_of
from edgemm.quantize.fusion import hosts
from edgemm.quantize.legality import may_be_hybrid
from edgemm.quantize.plan import Plan, Precision

PLACE = Path(__file__).parents[1] / "edgemm/data/costs/models.tar.xz"
WAYS = {FLOAT: ("float", "arm"), INT8: ("static", "arm"), DYNAMIC: ("dynamic", "arm"),
        HYBRID: ("dynamic", "arm"), INT8_UNSIGNED: ("static", "x86"), DYNAMIC_UNSIGNED: ("dynamic", "x86")}  # fmt: skip
"""Precision -> scheme and target."""
FORMATS = {INT8_UNSIGNED: ("onnx",), DYNAMIC_UNSIGNED: ("onnx",), HYBRID: ("tflite",)}
"""Precision -> the formats that have it, where not both."""
MIXED = ("change", "partition", "nothing", "stream")
"""Kinds of cases whose operators are not of one kind."""
WANTED = {
    FLOAT: Precision.FLOAT,
    INT8: Precision.INT8,
    INT8_UNSIGNED: Precision.INT8,
    HYBRID: Precision.HYBRID,
}


@dataclass
class Pack:
    """What goes into the archive."""

    files: dict[str, bytes] = field(default_factory=dict)
    index: list[dict[str, Any]] = field(default_factory=list)

    def add(self, case: Case, format_: Format, precision: str, payload: bytes, model: ir.Model) -> None:
        inner = hosts(model)
        nodes = [node for node in model.graph if str(node.name) not in inner]
        same = [work_of(node) for node in nodes if is_of(node, case)]
        if case.kind in MIXED:
            same = [work_of(node) for node in nodes]
        work = reduce(lambda a, b: a + b, same, NO_WORK)
        if case.changes:
            elements = max(size(value) for node in nodes for value in node.outputs)
            work = Work(case.changes, 0, case.changes * 2 * elements, 0)
        name = f"{case.kind}/{case.name}.{precision}.{format_}"
        self.files[name] = payload
        self.index.append(
            {"file": name, "format": format_, "kind": case.kind, "precision": precision, "work": list(work.parts),
             "less": [[file, share] for file, share in less(case, format_, precision)]}
        )  # fmt: skip


def is_of(node: ir.Node, case: Case) -> bool:
    """True for a node of the kind that the case is about."""
    return kind_of(node) == case.kind.removeprefix(PICTURE)


def less(case: Case, format_: Format, precision: str) -> list[tuple[str, float]]:
    """Files whose operators are in the model too, and how many times. A case names a precision where it is another."""
    return [(f"{each}{'' if '.' in each else f'.{precision}'}.{format_}", share) for each, share in case.less]


def written(case: Case, format_: Format, pack: Pack) -> list[str]:
    """Puts the models of a case into the pack; says what was left out."""
    graph = Graph()
    case.build(graph)
    prepared = prepare(ir.from_proto(graph.model()), format_=format_)
    model = prepared.model
    rng = np.random.default_rng(0)
    samples = [
        {
            spec.name: rng.uniform(0.1, 1, spec.shape).astype(np.float32)
            if spec.dtype == "float32"
            else np.arange(int(np.prod(spec.shape))).reshape(spec.shape).astype(spec.dtype)
            for spec in prepared.inputs
        }
        for _ in range(2)
    ]
    calibration = calibrate(model, samples)
    float_nodes = [
        str(node.name)
        for index, node in enumerate(model.graph)
        if case.float_every and index % case.float_every
    ]
    left = []
    mine = [str(node.name) for node in model.graph if case.kind in MIXED or is_of(node, case)]
    if not mine:
        there = sorted({kind_of(node) for node in model.graph})
        return [f"{format_} {case.kind}/{case.name}: not in the graph, which has {', '.join(there)}"]
    for precision, (scheme, target) in WAYS.items():
        if format_ not in FORMATS.get(precision, case.only) or (
            precision in FORMATS and case.kind.startswith(PICTURE)
        ):
            continue
        if case.kind in MIXED and precision != (FLOAT if case.kind in ("nothing", "stream") else INT8):
            continue
        try:
            plan = make_plan(
                model,
                calibration,
                scheme=scheme,
                target=target,
                float_nodes=float_nodes if scheme == "static" else (),
            )
            if precision == HYBRID:
                plan = hybrid(model, plan)
            found = {plan.precision.get(name, Precision.FLOAT) for name in mine}
            if not case.changes and found != {WANTED.get(precision, Precision.DYNAMIC)}:
                continue
            file = write_plan(
                model,
                plan,
                format_,
                Settings(io="int8" if scheme == "static" and not case.float_ends else "float"),
            )
        except EdgemmError as e:
            left.append(f"{format_} {case.kind}/{case.name} {precision}: {str(e)[:200]}")
            continue
        if precision in (INT8_UNSIGNED, DYNAMIC_UNSIGNED) and file.payload == pack.files.get(
            f"{case.kind}/{case.name}.{INT8 if precision == INT8_UNSIGNED else DYNAMIC}.{format_}"
        ):
            continue
        pack.add(case, format_, precision, file.payload, model)
    return left


def hybrid(model: ir.Model, plan: Plan) -> Plan:
    """The plan with convolutions that quantize what they read."""
    able = {str(node.name): Precision.HYBRID for node in model.graph if may_be_hybrid(node)}
    return replace(plan, precision={**plan.precision, **able})


def archive(pack: Pack) -> bytes:
    """One file, the same for the same models."""
    made = io.BytesIO()
    with lzma.open(made, "wb", preset=9) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        index = json.dumps({"schema": "edgemm.cost-models/1", "models": pack.index}).encode()
        for name, content in {"index.json": index, **pack.files}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return made.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=PLACE)
    parser.add_argument("--only", default="", help="kinds that begin so")
    options = parser.parse_args()
    pack = Pack()
    for case in cases():
        if case.kind.startswith(options.only):
            for format_ in case.only:
                for line in written(case, format_, pack):
                    print(line)
    content = archive(pack)
    options.output.write_bytes(content)
    unpacked = sum(map(len, pack.files.values()))
    print(f"{options.output}: {len(pack.files)} models, {len(content):,} bytes, {unpacked:,} unpacked")


if __name__ == "__main__":
    main()
