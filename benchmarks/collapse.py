"""Networks made to collapse in int8: diagnosis must name the right layers, repair must bring the gate back.

Channel scales spread over three decades; a head of boxes and scores on one scale; spread channels that two layers read,
which only float layers repair. At most a tenth of the multiplications may go back to float.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.parser
import onnx_ir as ir

import edgemm
from edgemm.converters import convert
from edgemm.converters.conversion import Conversion
from edgemm.converters.options import RepairMode
from edgemm.errors import FidelityMissed

MAX_FLOAT_SHARE = 0.1
GATE_DB = 20.0
DECADES = np.logspace(0, 3, 16).astype(np.float32)

Array = npt.NDArray[Any]


def normal(*shape: int, seed: int = 0, scale: float = 0.3) -> Array:
    """Seeded numbers."""
    return (np.random.default_rng([seed, *shape]).standard_normal(shape) * scale).astype(np.float32)


def parsed(text: str, **constants: Array) -> ir.Model:
    """A graph in ONNX's text form, opset 17, its constants given as arrays."""
    proto = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]>\n{text}')
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(array, name) for name, array in constants.items()
    )
    model: ir.Model = ir.from_proto(proto)
    return model


SAMPLES = [normal(1, 4, 10, 10, seed=seed, scale=1.0) for seed in range(24)]


def spread() -> ir.Model:
    """Channels whose ranges differ a thousand times, and weights that make up for it."""
    return parsed(
        """g (float[1,4,10,10] x) => (float[1,5,10,10] y) {
            a = Conv<pads=[1,1,1,1]>(x, u, b)  r = Relu(a)  y = Conv(r, v, d) }""",
        u=normal(16, 4, 3, 3) / DECADES[:, None, None, None],
        b=normal(16) / DECADES,
        v=normal(5, 16, 1, 1) * DECADES[None, :, None, None],
        d=normal(5),
    )


def head() -> ir.Model:
    """Boxes and scores out of one small layer, behind a large one."""
    return parsed(
        """g (float[1,4,10,10] x) => (float[1,4,10,10] boxes, float[1,2,10,10] scores) {
            a = Conv<pads=[1,1,1,1]>(x, u, b)  r = Relu(a)  c = Conv<pads=[1,1,1,1]>(r, v, d)  s = Relu(c)
            head = Conv(s, w, e)  boxes, scores = Split<axis=1>(head, sizes) }""",
        u=normal(32, 4, 3, 3),
        b=normal(32),
        v=normal(32, 32, 3, 3, scale=0.1),
        d=normal(32),
        w=normal(6, 32, 1, 1) * np.array([400, 400, 400, 400, 1, 1], np.float32)[:, None, None, None],
        e=normal(6),
        sizes=np.array([4, 2]),
    )


def neck() -> ir.Model:
    """Spread channels that two layers read: neither can be equalized, nothing stands at the end."""
    sizes = np.array([1000, 1, 1, 1, 1, 1, 1, 1], np.float32)
    return parsed(
        """g (float[1,4,10,10] x) => (float[1,3,10,10] y, float[1,3,10,10] z) {
            a = Conv<pads=[1,1,1,1]>(x, u, b)  r = Relu(a)  c = Conv<pads=[1,1,1,1]>(r, v, d)  s = Relu(c)
            n = Conv(s, w, e)  y = Conv(n, p, f)  z = Conv(n, q, f) }""",
        u=normal(32, 4, 3, 3),
        b=normal(32),
        v=normal(32, 32, 3, 3, scale=0.1),
        d=normal(32),
        w=normal(8, 32, 1, 1) * sizes[:, None, None, None],
        e=normal(8),
        p=normal(3, 8, 1, 1) / sizes[None, :, None, None],
        q=normal(3, 8, 1, 1, seed=1) / sizes[None, :, None, None],
        f=normal(3),
    )


NETWORKS: dict[str, tuple[Callable[[], ir.Model], frozenset[str]]] = {
    "spread": (spread, frozenset({"Conv_a", "Conv_y"})),
    "head": (head, frozenset({"Conv_head"})),
    "neck": (neck, frozenset({"Conv_n", "Conv_y", "Conv_z"})),
}
"""Name -> how it is made, and the layers whose noise it is: they must rank first."""


def run() -> list[dict[str, Any]]:
    """One result per network and format."""
    return [_mend(name, suffix) for name in NETWORKS for suffix in ("tflite", "onnx")]


def _mend(name: str, suffix: str) -> dict[str, Any]:
    make, guilty = NETWORKS[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.{suffix}"
        refused = False
        try:
            converted(make(), path, "off")
        except FidelityMissed:
            refused = not path.exists()
        broken = converted(make(), path, "off", gate="warn")
        done = converted(make(), path, "auto")
        first = path.read_bytes()
        converted(make(), path, "auto")
        same = first == path.read_bytes()
        with edgemm.load(path) as model:
            told = model.card.quantization
    ranked = [each.node for each in broken.diagnosis.layers] if broken.diagnosis is not None else []
    shared = [each.node for each in broken.diagnosis.shared] if broken.diagnosis is not None else []
    after = _worst_db(done)
    return {
        "name": f"collapse_{name}_{suffix}",
        "before_db": _worst_db(broken),
        "after_db": after,
        "ranked_first": ranked[: len(guilty)],
        "shared_scales": shared,
        "repairs": told["repairs"],
        "float_share": told["float_share"],
        "limit": MAX_FLOAT_SHARE,
        "same_bytes": same,
        "ok": refused
        and same
        and set(ranked[: len(guilty)]) == guilty
        and (name != "head" or shared == ["Conv_head"])
        and after >= GATE_DB
        and told["float_share"] <= MAX_FLOAT_SHARE,
    }


def converted(model: ir.Model, path: Path, repair: RepairMode, gate: Any = "fail") -> Conversion:
    """As `edgemm convert --scheme static --explain` does it."""
    return convert(
        model, output=path, calibrate=SAMPLES, scheme="static", repair=repair, gate=gate, explain=True
    )


def _worst_db(done: Conversion) -> float:
    return round(min(each.snr_db for each in done.fidelity.outputs), 1)


if __name__ == "__main__":
    for each in run():
        print(json.dumps(each))
