"""Integer operators with ranges and constants drawn at random: training stays within a step of what the file computes.

Whole: `EDGEMM_SWEEP=1 python -m pytest tests/soak/test_aware_kernels_soak.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch: pip install 'edgemm[torch]'")
from aware_kernels import OPERATORS, steps_apart

SHARE = 0.15
"""Of pools in float, whose halves go where float32 leaves them; of pictures a twentieth; of the others less than 1 of
1,000."""


def test_random_operators_stay_within_a_step(rounds: Callable[[int, int], int]) -> None:
    generator = np.random.default_rng(11)
    names = list(OPERATORS)
    for number in range(rounds(1000, 20)):
        name, suffix = names[number % len(names)], ("onnx", "tflite")[number // len(names) % 2]
        shape, nodes = OPERATORS[name]
        sizes = tuple(np.exp(generator.uniform(-4, 4, 2)))
        apart = np.abs(
            steps_apart(shape, nodes, suffix, format_=suffix, seed=number, count=4, sizes=sizes)  # type: ignore[arg-type]
        )
        where = f"round {number}: {name}, {suffix}, sizes {sizes}"
        assert apart.max() <= 1, where
        in_float = "average" in name and (suffix == "tflite" or "Relu" in name)
        most = SHARE if in_float else 0.05 if "picture" in name else 0.001
        assert (apart > 0).mean() <= most, where
