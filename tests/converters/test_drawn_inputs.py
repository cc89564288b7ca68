"""What a torch source is compared with its export on, where no data were given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from edgemm.converters import convert
from edgemm.converters.evaluation import noise
from edgemm.converters.prepare import prepare
from edgemm.errors import ConversionError

STEPS = 5
LOWER = torch.ones(1, 1, STEPS, STEPS, dtype=torch.bool).tril()


class Attention(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.project = torch.nn.Linear(8, 8)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return F.scaled_dot_product_attention(self.project(x), x, x, attn_mask=mask)


def attention() -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    torch.manual_seed(0)
    return Attention().eval(), (torch.randn(1, 1, STEPS, 8), LOWER)


def test_masks_that_are_drawn_hide_no_whole_row() -> None:
    drawn = noise(prepare(*attention())).inputs
    assert all(each["mask"].any(axis=-1).all() for each in drawn)
    assert not all(each["mask"].all() for each in drawn)


def test_the_first_mask_is_the_one_that_came_with_the_module() -> None:
    assert np.array_equal(noise(prepare(*attention())).inputs[0]["mask"], LOWER.numpy())


@pytest.mark.parametrize("name", ["o.onnx", "o.tflite"])
def test_attention_with_a_mask_converts(name: str, tmp_path: Path) -> None:
    done = convert(*attention(), output=tmp_path / name, scheme="float")
    assert done.fidelity.outputs[0].snr_db > 100  # float32's own rounding is at 120 dB and more


class Unlike(torch.nn.Module):  # type: ignore[misc]
    """Gives another answer while it is exported where a mask has a row of a single True, as a wrong export would."""

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        y = x * mask
        if torch.onnx.is_in_onnx_export() or torch.compiler.is_exporting():
            return y
        return y + (mask.sum(dim=-1, keepdim=True) < STEPS)


FULL = torch.ones(1, STEPS, dtype=torch.bool)


def test_a_difference_on_drawn_values_alone_names_their_input(tmp_path: Path) -> None:
    with pytest.raises(
        ConversionError, match=r"with the example inputs both agree.*on drawn values of 'mask'$"
    ):
        convert(Unlike(), (torch.randn(1, STEPS), FULL), output=tmp_path / "o.onnx", scheme="float")


def test_with_data_only_the_data_count(tmp_path: Path) -> None:
    data = [
        {"x": np.random.default_rng(i).random((1, STEPS), np.float32), "mask": FULL.numpy()} for i in range(4)
    ]
    done = convert(
        Unlike(), (torch.randn(1, STEPS), FULL), output=tmp_path / "o.onnx", scheme="float", evaluate=data
    )
    assert done.output.is_file()


def test_a_difference_on_the_example_inputs_is_the_modules(tmp_path: Path) -> None:
    part = FULL.clone()
    part[0, 0] = False
    with pytest.raises(ConversionError, match="Is the module in its final state"):
        convert(Unlike(), (torch.randn(1, STEPS), part), output=tmp_path / "o.onnx", scheme="float")


def saved(path: Path, module: torch.nn.Module, inputs: tuple[Any, ...], **more: Any) -> Path:
    torch.export.save(torch.export.export(module, inputs, **more), path)
    return path


def test_a_program_answers_in_torch(tmp_path: Path) -> None:
    module, inputs = attention()
    prepared = prepare(saved(tmp_path / "m.pt2", module, inputs))
    sample = {"x": inputs[0].numpy(), "mask": LOWER.numpy()}
    assert prepared.runs_in is not None
    from edgemm.converters.samples import Samples

    (found,) = prepared.runs_in.answers(Samples((sample,)))
    with torch.no_grad():
        right = module(*inputs).numpy()
    assert np.allclose(next(iter(found.values())), right, atol=1e-6)  # the same operators in the same order


def test_an_export_that_differs_from_its_program_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnx_ir as ir

    from edgemm.converters.importers import torch_module

    plain = torch_module._detached

    def wrong(exported: ir.Model) -> ir.Model:
        made = plain(exported)
        for node in made.graph:
            if node.op_type == "Sigmoid":
                node.op_type = "Tanh"
        return made

    path = saved(tmp_path / "m.pt2", torch.nn.Sigmoid(), (torch.randn(1, 3),))
    monkeypatch.setattr(torch_module, "_detached", wrong)
    with pytest.raises(
        ConversionError, match="torch's ONNX export of the program differs from the program by"
    ):
        convert(path, output=tmp_path / "o.onnx", scheme="float")


def test_an_open_batch_of_a_program_is_1(tmp_path: Path) -> None:
    batch = torch.export.Dim("batch")
    path = saved(
        tmp_path / "m.pt2", torch.nn.Linear(3, 2), (torch.randn(4, 3),), dynamic_shapes=({0: batch},)
    )
    done = convert(path, output=tmp_path / "o.onnx", scheme="float")
    assert [each for each in done.notes if "batch" in each] == [
        "the open first dimension of 'input' was taken as a batch of 1; --shape gives another"
    ]


def test_the_shape_of_a_program_is_taken(tmp_path: Path) -> None:
    rows = torch.export.Dim("rows")
    path = saved(
        tmp_path / "m.pt2", torch.nn.Linear(3, 2), (torch.randn(1, 4, 3),), dynamic_shapes=({1: rows},)
    )
    assert prepare(path, shapes={"input": (1, 7, 3)}).inputs[0].shape == (1, 7, 3)
