"""States of four dimensions: what one step leaves is laid out as the next one takes it, whatever the operators between
them prefer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import package

import edgemm
from edgemm.card import InputCard, ModelCard, OutputCard, StatePair
from edgemm.converters import convert


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_a_cache_that_a_convolution_reads_and_a_slice_leaves_has_one_layout(
    tmp_path: Path, suffix: str
) -> None:
    torch = package("torch")
    torch.manual_seed(1)

    class Net(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv1d(5, 5, 3)

        def forward(self, x: Any, past: Any) -> Any:
            seen = torch.cat([past[..., 0], x], 2)
            return {"y": self.conv(seen), "new_past": seen[:, :, 4:].unsqueeze(3)}

    net, shapes = Net().eval(), ((1, 5, 4), (1, 5, 2, 1))
    card = ModelCard(
        inputs=(InputCard("x", "tensor", shapes[0]), InputCard("past", "tensor", shapes[1])),
        outputs=(OutputCard("y"), OutputCard("new_past")),
        states=(StatePair("new_past", "past"),),
    )
    path = tmp_path / f"net{suffix}"
    example = tuple(torch.zeros(shape) for shape in shapes)
    convert(net, example_inputs=example, output=path, card=card, scheme="float")
    sound = torch.randn(1, 5, 12)
    with torch.no_grad():
        expected = net.conv(torch.nn.functional.pad(sound, (2, 0)))
    with edgemm.load(path) as model:
        part = model.part()
        steps = [part.step({"x": each.numpy()}).real("y").copy() for each in sound.split(4, 2)]
        part.close()
    np.testing.assert_allclose(np.concatenate(steps, 2), expected.numpy(), atol=1e-5)
