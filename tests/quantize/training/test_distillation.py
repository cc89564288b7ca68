"""`distil` and `train_gan`, held against the formulas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edgemm.errors import InputError, TrainingError
from edgemm.quantize.training import Distillation, Samples, Settings, distil, train_gan

X = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
ONE = Settings(epochs=1, batch_size=60, optimizer="sgd", learning_rate=0.01)


def linear(seed: int, wide: int = 4) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(5, wide)


def softmax(scores: Any) -> Any:
    e = np.exp(scores - scores.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_kl_is_the_divergence_of_the_softened_probabilities(temperature: float) -> None:
    student, teacher = linear(1), linear(2)
    with torch.no_grad():
        p, q = (softmax(net(X).numpy().astype(np.float64) / temperature) for net in (teacher, student))
    expected = float((p * np.log(p / q)).sum(1).mean() * temperature**2)
    report = distil(
        student, teacher, Samples(X), how=Distillation(temperature=temperature), settings=ONE, progress=False
    )
    assert report.losses["loss"][0] == pytest.approx(expected, rel=1e-4)


def test_labels_have_their_share() -> None:
    labels, student, teacher = torch.arange(60) % 4, linear(1), linear(2)
    with torch.no_grad():
        p, q = (softmax(net(X).numpy().astype(np.float64)) for net in (teacher, student))
    alike = float((p * np.log(p / q)).sum(1).mean())
    of_labels = float(-np.log(q[np.arange(60), labels.numpy()]).mean())
    how = Distillation(temperature=1, weight=0.25)
    report = distil(student, teacher, Samples(X, labels), how=how, settings=ONE, progress=False)
    assert report.losses["loss"][0] == pytest.approx(0.25 * alike + 0.75 * of_labels, rel=1e-4)
    with pytest.raises(InputError, match="needs targets"):
        distil(student, teacher, Samples(X), how=how, settings=ONE, progress=False)


def test_every_output_counts_and_the_teacher_stays() -> None:
    class Two(nn.Module):  # type: ignore[misc]
        def __init__(self, seed: int) -> None:
            super().__init__()
            self.a, self.b = linear(seed), linear(seed + 1, 7)
            self.norm = nn.BatchNorm1d(4)

        def forward(self, x: torch.Tensor) -> Any:
            return {"a": self.norm(self.a(x)), "more": [self.b(x), torch.zeros(1, dtype=torch.int64)]}

    student, teacher = Two(1), Two(5)
    teacher.train()
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    settings = Settings(epochs=300, batch_size=60, learning_rate=0.05)
    report = distil(student, teacher, Samples(X), how=Distillation("mse"), settings=settings, progress=False)
    assert report.losses["loss"][-1] < 1e-3 * report.losses["loss"][0]
    assert torch.allclose(student.b.weight, teacher.b.weight, atol=0.02)
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    assert teacher.training
    assert all(each.requires_grad for each in teacher.parameters())


def test_what_cannot_be_distilled() -> None:
    net = linear(1)
    with pytest.raises(InputError, match="one module"):
        distil(net, net, Samples(X), progress=False)
    with pytest.raises(InputError, match=r"shapes \[\[10, 4\]\], and the teacher \[\[10, 7\]\]"):
        distil(net, linear(1, 7), Samples(X[:10]), progress=False)
    with pytest.raises(InputError, match="use mse"):
        distil(linear(1, 1), linear(2, 1), Samples(X), progress=False)
    for wrong in ({"likeness": "ks"}, {"temperature": 0}, {"weight": 0}, {"weight": 1.5}):
        with pytest.raises(InputError, match=f"{next(iter(wrong))}: expected"):
            Distillation(**wrong)


# GANs


class Shift(nn.Module):  # type: ignore[misc]
    """Moves its noise by what it learns."""

    def __init__(self) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.zeros(2))

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        return noise + self.by


@pytest.mark.parametrize("game", ["bce", "hinge", "least_squares", "probabilities"])
def test_a_generator_learns_where_the_data_are(game: Any) -> None:
    torch.manual_seed(0)
    real = torch.randn(512, 2) + torch.tensor([1.0, -0.5])
    generator = Shift()
    judge: list[nn.Module] = [nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1)]
    if game == "probabilities":
        judge.append(nn.Sigmoid())
    settings = Settings(epochs=40, batch_size=64, learning_rate=0.01, betas=(0.5, 0.9))
    report = train_gan(
        generator, nn.Sequential(*judge), Samples(real), noise=(2,), average=0.95, settings=settings,
        game="bce" if game == "probabilities" else game, probabilities=game == "probabilities", progress=False,
    )  # fmt: skip
    assert generator.by.tolist() == pytest.approx([1.0, -0.5], abs=0.35)
    assert len(report.losses["generator"]) == len(report.losses["discriminator"]) == 40


def test_the_first_losses_of_a_game_that_nobody_has_begun() -> None:
    """A discriminator that says 0 (one half) of everything."""
    still = Settings(epochs=1, batch_size=8, optimizer="sgd", learning_rate=1e-9)
    for game, expected in (
        ("bce", (2 * math.log(2), math.log(2))),
        ("hinge", (2, 0)),
        ("least_squares", (1, 1)),
    ):
        judge = nn.Linear(2, 1)
        nn.init.zeros_(judge.weight)
        nn.init.zeros_(judge.bias)
        report = train_gan(
            Shift(), judge, Samples(torch.randn(8, 2)), noise=lambda count: torch.zeros(count, 2), settings=still,
            game=game, progress=False,  # type: ignore[arg-type]
        )  # fmt: skip
        assert (report.losses["discriminator"][0], report.losses["generator"][0]) == pytest.approx(
            expected, abs=1e-6
        )


def test_a_game_that_cannot_be_played() -> None:
    def play(**changes: Any) -> None:
        given: dict[str, Any] = {"noise": (2,), "progress": False} | changes
        train_gan(Shift(), nn.Linear(2, 1), Samples(torch.zeros(4, 2)), **given)

    for changes, said in (
        ({"game": "wasserstein"}, "game: expected one of"),
        ({"average": 1}, "average: expected"),
        ({"game": "hinge", "probabilities": True}, "leave the discriminator's sigmoid out"),
        ({"noise": lambda count: torch.zeros(count, 1, 2)}, "the generator gives shape"),
    ):
        with pytest.raises(InputError, match=said):
            play(**changes)


class Failing(nn.Module):  # type: ignore[misc]
    """Judges well until a chosen call; from then on in the way asked for."""

    def __init__(self, call: int, how: str) -> None:
        super().__init__()
        self.score = nn.utils.parametrizations.spectral_norm(nn.Linear(2, 3))
        self.left, self.how = call, how

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.score(x)
        self.left -= 1
        if self.left >= 0:
            return found
        if self.how == "error":
            raise RuntimeError("it broke")
        return found * math.nan if self.how == "loss" else (found * 0).sqrt() * found


@pytest.mark.parametrize("how", ["loss", "gradient", "error"])
@pytest.mark.parametrize("call", [2, 1])
def test_a_step_that_fails_changes_neither_player(how: str, call: int) -> None:
    """A step asks the discriminator three times: of real samples, of made ones, and for the generator."""

    def play(steps: int, judge: nn.Module) -> list[torch.Tensor]:
        torch.manual_seed(3)
        make = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
        settings = Settings(epochs=1, batch_size=10, steps_per_epoch=steps, learning_rate=0.01)
        data = Samples(X[:, :2])
        if steps == 4:
            with pytest.raises(RuntimeError if how == "error" else TrainingError) as caught:
                train_gan(make, judge, data, noise=(2,), settings=settings, progress=False)
            assert how == "error" or "step 3 of epoch 1: the" in str(caught.value)
        else:
            train_gan(make, judge, data, noise=(2,), settings=settings, progress=False)
        return [*make.state_dict().values(), *judge.state_dict().values()]

    def judge(left: int) -> Failing:
        torch.manual_seed(4)
        return Failing(left, how)

    failed, whole = play(4, judge(2 * 3 + call)), play(2, judge(99))
    assert all(torch.equal(a, b) for a, b in zip(failed, whole, strict=True))


def test_the_teacher_answers_as_in_evaluation() -> None:
    student = linear(1)
    teacher = nn.Sequential(linear(1), nn.Dropout(0.9)).train()
    report = distil(student, teacher, Samples(X), how=Distillation("mse"), settings=ONE, progress=False)
    assert report.losses["loss"][0] == 0
    assert teacher[1].training


def test_the_generator_ends_with_the_average_of_its_weights() -> None:
    def play(average: float) -> tuple[list[torch.Tensor], torch.Tensor]:
        generator, before = Shift(), []

        def noise(count: int) -> torch.Tensor:
            before.append(generator.by.detach().clone())
            return torch.randn(count, 2)

        torch.manual_seed(5)
        settings = Settings(epochs=4, batch_size=8, learning_rate=0.1)
        train_gan(
            generator, nn.Linear(2, 1), Samples(X[:8, :2]), noise=noise, average=average, settings=settings,
            progress=False,
        )  # fmt: skip
        return before, generator.by.detach()

    (start, *between), last = play(0.0)
    wanted = start
    for each in (*between, last):
        wanted = 0.9 * wanted + 0.1 * each
    found = play(0.9)[1]
    assert torch.allclose(found, wanted, atol=1e-6)
    assert not torch.allclose(found, last, atol=1e-3)


def test_the_averaged_generator_has_the_statistics_of_the_last_one() -> None:
    def play(average: float) -> dict[str, torch.Tensor]:
        torch.manual_seed(5)
        generator, judge = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), nn.Linear(2, 1)
        settings = Settings(epochs=2, batch_size=8, learning_rate=0.1)
        train_gan(
            generator,
            judge,
            Samples(X[:8, :2]),
            noise=(2,),
            average=average,
            settings=settings,
            progress=False,
        )
        return dict(generator.state_dict())

    plain, averaged = play(0.0), play(0.9)
    for name in ("1.running_mean", "1.running_var", "1.num_batches_tracked"):
        assert torch.equal(plain[name], averaged[name])
        assert not torch.equal(plain[name], nn.BatchNorm1d(2).state_dict()[name.removeprefix("1.")])
    assert not torch.equal(plain["0.weight"], averaged["0.weight"])


def test_student_and_teacher_compute_in_the_same_precision() -> None:
    settings = Settings(epochs=1, batch_size=60, precision="bfloat16")
    report = distil(
        linear(1), linear(1), Samples(X), how=Distillation("mse"), settings=settings, progress=False
    )
    assert report.losses["loss"][0] == 0
