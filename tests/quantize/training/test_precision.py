"""A training in bfloat16: what the layers compute in, and what stays float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from edgemm.errors import InputError  # noqa: E402
from edgemm.quantize.training import Distillation, Samples, Settings, distil, train, train_gan  # noqa: E402

HALF = Settings(2, batch_size=16, precision="bfloat16")


def network(seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


def samples() -> Samples:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(64, 6, generator=generator)
    return Samples(x, x[:, :3].argmax(1))


class Seen:
    """The types that a module's layers gave."""

    def __init__(self, module: Any) -> None:
        self.types: set[Any] = set()
        for part in module.modules():
            if isinstance(part, nn.Linear):
                part.register_forward_hook(self._look)

    def _look(self, _module: Any, _inputs: Any, output: Any) -> None:
        self.types.add(output.dtype)


@pytest.mark.parametrize(("precision", "type_"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_layers_compute_in_it_and_losses_and_weights_are_float32(precision: Any, type_: Any) -> None:
    net, losses = network(), set()
    seen = Seen(net)

    def loss(found: Any, targets: Any) -> Any:
        losses.add(found.dtype)
        return nn.functional.cross_entropy(found, targets)

    train(net, samples(), loss=loss, settings=Settings(1, precision=precision))
    assert seen.types == {type_}
    assert losses == {torch.float32}
    assert {each.dtype for each in net.parameters()} == {torch.float32}


def test_it_learns_as_float32_does() -> None:
    reports = [train(network(), samples(), settings=Settings(20, learning_rate=1e-2, precision=each)) for each in
               ("float32", "bfloat16")]  # fmt: skip
    losses = [report.losses["loss"] for report in reports]
    assert losses[0] != losses[1]
    assert losses[1][-1] < 0.7 * losses[1][0]
    assert losses[1][-1] == pytest.approx(losses[0][-1], rel=0.1)


def test_student_and_teacher_and_both_players_compute_in_it() -> None:
    student, teacher = network(1), network(2)
    seen = Seen(student)
    distil(student, teacher, samples(), how=Distillation("mse", weight=0.5), settings=HALF)
    assert seen.types == {torch.bfloat16}
    generator, discriminator = nn.Linear(4, 6), nn.Linear(6, 1)
    players = [Seen(generator), Seen(discriminator)]
    train_gan(generator, discriminator, Samples(samples().inputs), noise=(4,), settings=HALF)
    assert [each.types for each in players] == [{torch.bfloat16}] * 2


class Two(NamedTuple):
    scores: Any
    rest: dict[str, list[Any]]


class Nested(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, x: Any) -> Two:
        scores = self.layer(x)
        return Two(scores, {"again": [scores, 7, torch.arange(3)]})


def test_outputs_within_others_are_float32_too() -> None:
    found: list[Any] = []

    def loss(given: Two, targets: Any) -> Any:
        found.append(given)
        return nn.functional.cross_entropy(given.scores, targets)

    train(Nested(), samples(), loss=loss, settings=HALF)
    assert isinstance(found[0], Two)
    again, number, places = found[0].rest["again"]
    assert (found[0].scores.dtype, again.dtype, number, places.dtype) == (
        torch.float32, torch.float32, 7, torch.int64,
    )  # fmt: skip


def test_another_precision_is_another_training(tmp_path: Path) -> None:
    train(network(), samples(), settings=HALF, checkpoint=tmp_path / "half")
    with pytest.raises(InputError, match="another"):
        train(network(), samples(), settings=Settings(2, batch_size=16), checkpoint=tmp_path / "half")


def test_a_precision_that_is_none() -> None:
    with pytest.raises(InputError, match="precision: expected one of float32, bfloat16, found 'float16'"):
        Settings(precision="float16")  # type: ignore[arg-type]
