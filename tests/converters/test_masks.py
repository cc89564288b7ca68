"""Attention with masks is as good in integers as the same without a mask, and rows that are hidden stay what they are.

LiteRT ends the process on a sum whose scale is that of -3.4e38, and its own QUANTIZE makes the largest number of it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

Decibels = Callable[[Any, Any], float]
SIZE, DEPTH = 16, 16
LOWEST = float(np.finfo(np.float32).min)
HIDDEN = [-1e4, -1e9, LOWEST, -np.inf]
TRI = np.triu(np.ones((SIZE, SIZE), bool), 1)

ATTENTION = """({inputs}) => (float[1,16,16] y) {{
    q = MatMul (x, wq) k = MatMul (x, wk) v = MatMul (x, wv) t = Transpose <perm = [0, 2, 1]> (k)
    s = MatMul (q, t) {mask} p = Softmax <axis = -1> (a) {guard} y = MatMul ({shares}, v) }}"""

KNOWN: dict[str, Callable[[float], tuple[str, dict[str, Any]]]] = {
    "Add": lambda low: ("a = Add (s, m)", {"m": np.where(TRI, low, 0.0)}),
    "Sub": lambda low: ("a = Sub (s, m)", {"m": np.where(TRI, -low, 0.0)}),
    "Where": lambda low: ("a = Where (m, low, s)", {"m": TRI, "low": low}),
    "Mul and Sub": lambda low: (
        "b = Mul (s, n) a = Sub (b, m)",
        {"m": np.where(TRI, -low, 0.0), "n": (~TRI).astype(np.float32)},
    ),
}
"""Masks that are constants. Products have no -inf: times zero it is NaN in the source too."""

COMPUTED: dict[str, Callable[[float], tuple[str, dict[str, Any]]]] = {
    "Mul": lambda low: (
        "f = Cast <to = 1> (mask) i = Sub (one, f) b = Mul (i, low) a = Add (s, b)",
        {"one": 1.0, "low": low},
    ),
    "Where": lambda low: ("f = Cast <to = 9> (mask) a = Where (f, s, low)", {"low": low}),
    "expanded": lambda low: (
        "f = Cast <to = 9> (mask) e = Expand (f, to) b = Where (e, none, low) a = Add (s, b)",
        {"low": low, "none": 0.0, "to": np.array([1, SIZE, SIZE])},
    ),
}
"""Masks that are made of an input."""


def weights(*shape: int, seed: int) -> Any:
    return (np.random.default_rng(seed).normal(size=shape) / np.sqrt(shape[0])).astype(np.float32)


def attention(
    source: Any, mask: str = "a = Identity (s)", inputs: str = "", guard: str = "", **more: Any
) -> Any:
    text = ATTENTION.format(
        inputs=f"float[1,16,16] x{inputs}", mask=mask, guard=guard, shares="g" if guard else "p"
    )
    names = {"wq": 2, "wk": 3, "wv": 4}
    return source(text, **{name: weights(DEPTH, DEPTH, seed=seed) for name, seed in names.items()}, **more)


def data(seed: int, mask: Any = None) -> list[dict[str, Any]]:
    """Seeded inputs; where there is a mask, more and more of each is hidden."""
    random = np.random.default_rng(seed)
    samples = [{"x": random.normal(size=(1, SIZE, DEPTH)).astype(np.float32)} for _ in range(16)]
    for index, sample in enumerate(samples if mask is not None else ()):
        shown = np.arange(SIZE)[None, None] < SIZE - index % 8
        sample["mask"] = mask(shown)
    return samples


@pytest.fixture(scope="module")
def without(source: Any, decibels: Decibels, form: str) -> float:
    """What the same network without a mask keeps."""
    network = attention(source)
    return decibels(network.truth(data(2)), network.written(form, "static", data(1), data(2))[0])


@pytest.mark.parametrize(
    ("kind", "low"), [case for case in product(KNOWN, HIDDEN) if case != ("Mul and Sub", -np.inf)]
)
def test_a_known_mask_costs_nothing(
    source: Any, decibels: Decibels, form: str, without: float, kind: str, low: float
) -> None:
    mask, constants = KNOWN[kind](low)
    network = attention(source, mask, **constants)
    found, _ = network.written(form, "static", data(1), data(2))
    assert decibels(network.truth(data(2)), found) > without - 3.0


@pytest.mark.parametrize(
    ("kind", "low"), [case for case in product(COMPUTED, HIDDEN) if case != ("Mul", -np.inf)]
)
def test_a_computed_mask_costs_nothing(
    source: Any, decibels: Decibels, form: str, without: float, kind: str, low: float
) -> None:
    mask, constants = COMPUTED[kind](low)
    network = attention(source, mask, inputs=", int64[1,1,16] mask", **constants)
    samples = data(2, mask=lambda shown: shown.astype(np.int64))
    calibration = data(1, mask=lambda shown: shown.astype(np.int64))
    found, _ = network.written(form, "static", calibration, samples)
    assert decibels(network.truth(samples), found) > without - 3.0


@pytest.mark.parametrize("low", HIDDEN)
def test_a_mask_that_is_an_input_costs_nothing(
    source: Any, decibels: Decibels, form: str, without: float, low: float
) -> None:
    network = attention(source, "a = Add (s, mask)", inputs=", float[1,1,16] mask")
    masks = [data(seed, mask=lambda shown: np.where(shown, 0.0, low).astype(np.float32)) for seed in (1, 2)]
    found, _ = network.written(form, "static", *masks)
    assert decibels(network.truth(masks[1]), found) > without - 3.0


@pytest.mark.parametrize("scheme", ["float", "dynamic", "static"])
@pytest.mark.parametrize("low", HIDDEN[:-1])
@pytest.mark.parametrize("kind", ["Add", "Where"])
def test_rows_that_are_hidden_as_a_whole_stay_what_they_are(
    source: Any, decibels: Decibels, form: str, kind: str, low: float, scheme: str
) -> None:
    """-1e4 by Add leaves their scores, as if nothing were hidden; all else makes them uniform."""
    hidden = TRI.copy()
    hidden[5] = True
    m = np.where(hidden, low, 0.0) if kind == "Add" else hidden
    mask, constants = KNOWN[kind](low)
    network = attention(source, mask, **{**constants, "m": m})
    found, _ = network.written(form, scheme, data(1), data(2))
    truth = network.truth(data(2))
    assert decibels(truth[:, :, 5], found[:, :, 5]) > {"float": 90, "dynamic": 30, "static": 25}[scheme]


@pytest.mark.parametrize("scheme", ["float", "dynamic", "static"])
def test_a_guard_behind_the_softmax_finds_the_rows_that_data_hides(
    source: Any, decibels: Decibels, form: str, scheme: str
) -> None:
    """As torch exports attention with a boolean mask: such rows are NaN, and then 0."""
    mask = "f = Cast <to = 9> (mask) a = Where (f, s, low)"
    guard = "n = IsNaN (p) g = Where (n, none, p)"
    network = attention(source, mask, inputs=", int64[1,1,16] mask", guard=guard, low=-np.inf, none=0.0)
    calibration = data(1, mask=lambda shown: shown.astype(np.int64))
    samples = data(2, mask=lambda shown: shown.astype(np.int64))
    samples[3]["mask"][:] = 0  # and no sample of the calibration did that
    found, _ = network.written(form, scheme, calibration, samples)
    assert np.abs(found[3]).max() == 0.0
    assert decibels(network.truth(samples), found) > {"float": 90, "dynamic": 30, "static": 25}[scheme]


def test_integers_stay_integers_up_to_a_known_mask(source: Any) -> None:
    mask, constants = KNOWN["Add"](LOWEST)
    _, plan = attention(source, mask, **constants).written("onnx", "static", data(1), data(2)[:1])
    assert {precision.value for precision in plan.precision.values()} == {"int8"}
