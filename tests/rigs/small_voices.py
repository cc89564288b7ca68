"""Voices small enough to follow by hand, and their bundles.

`samples`: each id gives `length * 10` samples of id / 100 (times noise and speaker, where it takes them), rounded up.
`mel` and `vocoder`: each id gives a frame [id / 100, 1], and each frame two samples: the first number of it, and minus
that. `harmonics`: amplitude 1 everywhere, a pitch of 1,000 Hz, `hop` frames for each id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from needs import package

onnx = package("onnx")
TensorProto = onnx.TensorProto
helper = package("onnx.helper")
numpy_helper = package("onnx.numpy_helper")

RATE = 8000
SYMBOLS = {each: at for at, each in enumerate(" .,!?abcdefghijklmnopqrstuvwxyz", 1)}
"""Symbol -> id, from 1; 0 is the padding."""
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def piper_network() -> bytes:
    """As Piper's voices are: input, input_lengths, scales, sid -> output [1, 1, 1, samples]."""
    nodes = [
        *_scaled("input", "speaker"),
        helper.make_node("Slice", ["scales", "one", "two", "zero"], ["length"]),
        helper.make_node("Mul", ["length", "ten"], ["many_real"]),
        helper.make_node("Ceil", ["many_real"], ["many_up"]),
        helper.make_node("Cast", ["many_up"], ["many"], to=INT64),
        helper.make_node("Slice", ["value", "zero", "input_lengths", "one"], ["there"]),
        helper.make_node("Unsqueeze", ["there", "two"], ["column"]),
        helper.make_node("Concat", ["ones", "many"], ["repeats"], axis=0),
        helper.make_node("Tile", ["column", "repeats"], ["tiled"]),
        helper.make_node("Reshape", ["tiled", "flat"], ["output"]),
    ]
    constants = {"zero": [0], "one": [1], "two": [2], "ones": [1, 1], "flat": [1, 1, 1, -1]}
    inputs: list[tuple[str, int, list[Any]]] = [
        ("input", INT64, [1, "L"]),
        ("input_lengths", INT64, [1]),
        ("scales", FLOAT, [3]),
        ("sid", INT64, [1]),
    ]
    return _model(nodes, inputs, [("output", FLOAT, [1, 1, 1, "N"])], constants, {"ten": [10.0]})


def _scaled(ids: str, result: str) -> list[Any]:
    return [
        helper.make_node("Cast", [ids], ["real"], to=FLOAT),
        helper.make_node("Cast", ["sid"], ["sid_real"], to=FLOAT),
        helper.make_node("Add", ["sid_real", "unit"], [result]),
        helper.make_node("Div", ["real", "hundred"], ["small"]),
        helper.make_node("Mul", ["small", result], ["value"]),
    ]


def mel_network() -> bytes:
    """ids -> mel [1, 2, length]."""
    nodes = [
        helper.make_node("Cast", ["ids"], ["real"], to=FLOAT),
        helper.make_node("Div", ["real", "hundred"], ["small"]),
        helper.make_node("Unsqueeze", ["small", "one"], ["first"]),
        helper.make_node("Mul", ["first", "nothing"], ["no"]),
        helper.make_node("Add", ["no", "unit"], ["second"]),
        helper.make_node("Concat", ["first", "second"], ["mel"], axis=1),
    ]
    return _model(
        nodes, [("ids", INT64, [1, "L"])], [("mel", FLOAT, [1, 2, "L"])], {"one": [1]}, {"nothing": [0.0]}
    )


def vocoder_network(other: str = "Neg") -> bytes:
    """mel [1, 2, frames] -> samples [1, 2 * frames]; `other` is the operator that every second sample is made by."""
    nodes = [
        helper.make_node("Slice", ["mel", "zero", "one", "one"], ["first"]),
        helper.make_node(other, ["first"], ["minus"]),
        helper.make_node("Concat", ["first", "minus"], ["both"], axis=1),
        helper.make_node("Transpose", ["both"], ["pairs"], perm=[0, 2, 1]),
        helper.make_node("Reshape", ["pairs", "flat"], ["wave"]),
    ]
    constants = {"zero": [0], "one": [1], "flat": [1, -1]}
    return _model(nodes, [("mel", FLOAT, [1, 2, "F"])], [("wave", FLOAT, [1, "N"])], constants, {})


def harmonics_network(bins: int, hertz: float) -> bytes:
    """ids, speed -> six outputs of a spectrum: harmonics at amplitude 1, all else silent; one frame for each id."""
    nodes = [
        helper.make_node("Cast", ["ids"], ["real"], to=FLOAT),
        helper.make_node("Mul", ["real", "nothing"], ["row"]),
        helper.make_node("Mul", ["speed", "nothing"], ["still"]),
        helper.make_node("Add", ["row", "still"], ["calm"]),
        helper.make_node("Add", ["calm", "hertz"], ["f0"]),
        helper.make_node("Unsqueeze", ["row", "one"], ["flat"]),
        helper.make_node("Tile", ["flat", "repeats"], ["lh"]),
        helper.make_node("Identity", ["lh"], ["theta"]),
        helper.make_node("Sub", ["lh", "quiet"], ["ln"]),
        helper.make_node("Identity", ["ln"], ["lr"]),
        helper.make_node("Identity", ["lh"], ["phi"]),
    ]
    outputs = [(name, FLOAT, [1, bins, "F"]) for name in ("lh", "theta", "ln", "lr", "phi")]
    return _model(
        nodes,
        [("ids", INT64, [1, "L"]), ("speed", FLOAT, [1])],
        [*outputs, ("f0", FLOAT, [1, "F"])],
        {"one": [1], "repeats": [1, bins, 1]},
        {"nothing": [0.0], "hertz": [hertz], "quiet": [60.0]},
    )


def letters_network() -> bytes:
    """Letters to phonemes: each id is itself, twice, a blank behind it."""
    nodes = [
        helper.make_node("Unsqueeze", ["chars", "two"], ["column"]),
        helper.make_node("Mul", ["column", "none"], ["blank"]),
        helper.make_node("Concat", ["column", "column", "blank"], ["three"], axis=2),
        helper.make_node("Reshape", ["three", "flat"], ["ids"]),
    ]
    constants = {"two": [2], "none": [0], "flat": [1, -1]}
    return _model(nodes, [("chars", INT64, [1, "L"])], [("ids", INT64, [1, "T"])], constants, {})


def _model(
    nodes: Sequence[Any],
    inputs: Sequence[tuple[str, int, list[Any]]],
    outputs: Sequence[tuple[str, int, list[Any]]],
    whole: Mapping[str, list[int]],
    real: Mapping[str, list[float]],
    single: Mapping[str, int] | None = None,
) -> bytes:
    constants = [numpy_helper.from_array(np.array(each, np.int64), name) for name, each in whole.items()]
    reals = {"hundred": [100.0], "unit": [1.0], **real}
    constants += [numpy_helper.from_array(np.array(each, np.float32), name) for name, each in reals.items()]
    constants += [
        numpy_helper.from_array(np.array(each, np.int64), name) for name, each in (single or {}).items()
    ]
    graph = helper.make_graph(
        list(nodes),
        "voice",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*each) for each in outputs],
        constants,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


def write_voice(
    folder: Path,
    recipe: Mapping[str, Any],
    parts: Mapping[str, bytes],
    assets: Mapping[str, bytes] | None = None,
) -> Path:
    """A bundle as a folder; `symbols` is there unless others are given."""
    content = {"symbols": json.dumps(SYMBOLS).encode(), **(assets or {})}
    folder.mkdir(parents=True, exist_ok=True)
    for role, data in parts.items():
        (folder / f"{role}.onnx").write_bytes(data)
    for name, data in content.items():
        (folder / f"{name}.json").write_bytes(data)
    card = {
        "schema": "edgemm.bundle/1",
        "name": "small",
        "task": "audio",
        "driver": "voice",
        "voice": {"sample_rate": RATE, **recipe},
        "parts": {role: {"file": f"{role}.onnx", "card": {"task": "tensors"}} for role in parts},
        "assets": {name: {"file": f"{name}.json"} for name in content},
    }
    (folder / "bundle.json").write_text(json.dumps(card))
    return folder


FRAME = 5
"""Samples of a frame of `paced_network`."""


def paced_network(length: int | str = "L") -> bytes:
    """As fast networks with durations are: ids [1, L], count [1] -> samples [1, 1, 20 L], frames [1].

    Id n lasts 1 + n % 3 frames, of samples n / 100; ids behind the count last none. There are four frames for each id
    of the input, and those that nothing lasts into are -1, as no sound is.
    """
    nodes = [
        helper.make_node("Cast", ["ids"], ["real"], to=FLOAT),
        helper.make_node("Div", ["real", "hundred"], ["value"]),
        helper.make_node("Mod", ["ids", "three"], ["beat"]),
        helper.make_node("Add", ["beat", "one"], ["whole"]),
        helper.make_node("Shape", ["ids"], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["size"]),
        helper.make_node("Squeeze", ["size", "zero"], ["most"]),
        helper.make_node("Range", ["start", "most", "by"], ["places"]),
        helper.make_node("Less", ["places", "count"], ["there"]),
        helper.make_node("Cast", ["there"], ["mask"], to=INT64),
        helper.make_node("Mul", ["whole", "mask"], ["lasts"]),
        helper.make_node("Cast", ["lasts"], ["lasting"], to=FLOAT),
        helper.make_node("CumSum", ["lasting", "along"], ["ends"]),
        helper.make_node("Sub", ["ends", "lasting"], ["begins"]),
        helper.make_node("Mul", ["most", "four"], ["frames_there"]),
        helper.make_node("Range", ["start", "frames_there", "by"], ["every"]),
        helper.make_node("Cast", ["every"], ["every_real"], to=FLOAT),
        helper.make_node("Unsqueeze", ["every_real", "one"], ["rows"]),
        helper.make_node("GreaterOrEqual", ["rows", "begins"], ["begun"]),
        helper.make_node("Less", ["rows", "ends"], ["going"]),
        helper.make_node("And", ["begun", "going"], ["on"]),
        helper.make_node("Cast", ["on"], ["weights"], to=FLOAT),
        helper.make_node("Transpose", ["value"], ["column"], perm=[1, 0]),
        helper.make_node("Add", ["column", "unit"], ["above"]),
        helper.make_node("MatMul", ["weights", "above"], ["heard"]),
        helper.make_node("Sub", ["heard", "unit"], ["sound"]),
        helper.make_node("Tile", ["sound", "repeats"], ["tiled"]),
        helper.make_node("Reshape", ["tiled", "flat"], ["output"]),
        helper.make_node("ReduceSum", ["lasting", "one"], ["frames_real"], keepdims=0),
        helper.make_node("Mul", ["frames_real", "five"], ["samples_real"]),
        helper.make_node("Cast", ["samples_real"], ["samples"], to=INT64),
    ]
    constants = {"one": [1], "zero": [0], "three": [3], "repeats": [1, FRAME], "flat": [1, 1, -1]}
    return _model(
        nodes,
        [("ids", INT64, [1, length]), ("count", INT64, [1])],
        [("output", FLOAT, [1, 1, "N"]), ("samples", INT64, [1])],
        constants,
        {"five": [float(FRAME)]},
        {"start": 0, "by": 1, "four": 4, "along": 1},
    )


def paced(ids: Sequence[int]) -> list[float]:
    """What `paced_network` gives for these, by hand."""
    return [each / 100 for each in ids for _ in range((1 + each % 3) * FRAME)]
