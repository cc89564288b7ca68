"""What a torch module computes in small numbers and in other precisions is what the file is held against."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgemm
from edgemm.converters import convert
from edgemm.converters.importers import export_torch

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")
pytestmark = pytest.mark.slow


class Silence(torch.nn.Module):  # type: ignore[misc, name-defined]
    """Two places where the answer to zeros is what is added."""

    def forward(self, x: Any) -> tuple[Any, Any]:
        return torch.log(x.abs() + 1e-8), x * torch.rsqrt((x * x).sum(-1, keepdim=True) + 1e-10)


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
@pytest.mark.parametrize("saved", [False, True], ids=["module", "pt2"])
def test_zeros_are_answered_as_torch_does(suffix: str, saved: bool, tmp_path: Path) -> None:
    module, example = Silence().eval(), (torch.randn(1, 4),)
    source = tmp_path / "silence.pt2"
    if saved:
        torch.export.save(torch.export.export(module, example), source)
    done = convert(
        source if saved else module,
        None if saved else example,
        output=tmp_path / f"y.{suffix}",
        scheme="float",
    )
    x = np.array([[0.0, 0.0, 0.0, 0.0], [1e-7, 0.0, 0.0, 0.0], [1.0, -2.0, 0.0, 3.0]], np.float32)
    with edgemm.load(done.output) as model:
        (name,) = (each.name for each in model.inputs)
        for row in x:
            found = model.run({name: row[None]}).values()
            for one, right in zip(found, module(torch.from_numpy(row[None])), strict=True):
                np.testing.assert_allclose(one, right.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["double", "half"])
def test_a_module_of_another_precision_is_run_as_it_is(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    made = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    module = getattr(made, kind)().eval()
    example = getattr(torch.randn(1, 4), kind)()
    done = convert(module, (example,), output=tmp_path / "y.onnx", scheme="float")
    assert not any("torch does not run the module" in note for note in done.notes)
    assert 60.0 < done.fidelity.outputs[0].snr_db < 160.0


class Shifted(torch.nn.Module):  # type: ignore[misc, name-defined]
    """Bytes, of which the exporter makes int8."""

    def forward(self, x: Any) -> Any:
        return x >> 0


def test_bytes_stay_bytes() -> None:
    import onnx_ir as ir
    import onnxruntime

    x = torch.arange(0, 256, 5).to(torch.uint8)
    proto = ir.to_proto(export_torch(Shifted(), (x,)))
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, x.numpy())
