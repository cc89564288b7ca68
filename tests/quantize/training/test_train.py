"""`train`, held against loops written out in plain torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edgemm.errors import InputError, TrainingError
from edgemm.quantize.training import Batch, Samples, Settings, train

N, WIDE, CLASSES = 50, 6, 3
GENERATOR = np.random.default_rng(0)
X = torch.from_numpy(GENERATOR.standard_normal((N, WIDE)).astype(np.float32))
Y = torch.from_numpy(GENERATOR.integers(0, CLASSES, N))


def network(*, dropout: float = 0.0) -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Linear(WIDE, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, CLASSES)
    )


def weights(module: nn.Module) -> dict[str, Any]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def equal(one: nn.Module, other: nn.Module) -> bool:
    mine, his = one.state_dict(), other.state_dict()
    return all(torch.equal(mine[name], his[name]) for name in his)


def in_order(epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches whose order depends on the epoch, so that a plain loop can have the same."""
    for start in range(0, N, 16):
        places = torch.arange(start, min(start + 16, N))
        yield X[places] + epoch, Y[places]


def schedule_of(name: str, optimizer: Any, rate: float, steps: int) -> Any:
    turning = torch.optim.lr_scheduler
    if name == "constant":
        return None
    return {
        "cosine": lambda: turning.CosineAnnealingLR(optimizer, steps),
        "step": lambda: turning.StepLR(optimizer, 2 * 4, 0.1),
        "one_cycle": lambda: turning.OneCycleLR(optimizer, rate, total_steps=steps),
    }[name]()


@pytest.mark.parametrize("schedule", ["constant", "cosine", "step", "one_cycle"])
@pytest.mark.parametrize(
    ("optimizer", "make"),
    [
        ("sgd", lambda p: torch.optim.SGD(p, 0.05, momentum=0.8, weight_decay=0.01)),
        ("adam", lambda p: torch.optim.Adam(p, 0.05, betas=(0.8, 0.9), weight_decay=0.01)),
        ("adamw", lambda p: torch.optim.AdamW(p, 0.05, betas=(0.8, 0.9), weight_decay=0.01)),
    ],
)
@pytest.mark.parametrize("clip", [None, 0.1])
def test_it_is_the_loop_that_one_writes(
    optimizer: Any, make: Callable[[Any], Any], schedule: Any, clip: float | None
) -> None:
    epochs, mine, plain = 5, network(), network()
    train(
        mine, in_order, progress=False,
        settings=Settings(
            epochs=epochs, steps_per_epoch=4, optimizer=optimizer, learning_rate=0.05, momentum=0.8,
            betas=(0.8, 0.9), weight_decay=0.01, schedule=schedule, decay_every=2, clip_norm=clip,
        ),
    )  # fmt: skip
    chosen = make(plain.parameters())
    course = schedule_of(schedule, chosen, 0.05, epochs * 4)
    plain.train()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for epoch in range(epochs):
        for x, y in in_order(epoch):
            chosen.zero_grad()
            nn.functional.cross_entropy(plain(x), y).backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(plain.parameters(), clip)
            chosen.step()
            if course is not None:
                course.step()
    torch.set_num_threads(threads)
    assert equal(mine, plain)
    assert not equal(mine, network())


def test_the_rate_rises_first() -> None:
    rates: list[float] = []

    class Watched(torch.optim.SGD):  # type: ignore[misc]
        def step(self, closure: Any = None) -> Any:
            rates.append(self.param_groups[0]["lr"])
            return super().step(closure)

    settings = Settings(
        epochs=5, batch_size=25, optimizer=lambda free: Watched(free, 1.0), schedule="cosine", warm_up=0.4
    )
    train(network(), Samples(X, Y), settings=settings, progress=False)
    assert rates[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert rates[4:] == pytest.approx([0.5 * (1 + np.cos(np.pi * step / 6)) for step in range(6)])


@pytest.mark.parametrize(
    "augment", [None, lambda batch: Batch((batch.inputs[0] + torch.randn(1),), batch.targets)]
)
def test_the_same_seed_gives_the_same_weights_and_leaves_the_callers_generator(augment: Any) -> None:
    found = []
    for caller, seed in ((1, 0), (2, 0), (1, 1)):
        net = network(dropout=0.5)
        torch.manual_seed(caller)
        expected = torch.random.get_rng_state()
        data = Samples(X.numpy(), Y.numpy(), augment)
        report = train(net, data, settings=Settings(epochs=2, batch_size=16, seed=seed), progress=False)
        assert torch.equal(torch.random.get_rng_state(), expected)
        assert (report.steps, report.epochs, report.best_epoch) == (8, 2, 2)
        found.append(net)
    assert equal(found[0], found[1])
    assert not equal(found[0], found[2])


def test_every_sample_comes_once_in_an_epoch_and_each_epoch_in_another_order() -> None:
    seen: list[torch.Tensor] = []

    def note(batch: Batch) -> Batch:
        seen.append(batch.targets)
        return Batch(batch.inputs, Y[batch.targets])

    train(
        network(),
        Samples(X, torch.arange(N), note),
        settings=Settings(epochs=2, batch_size=20),
        progress=False,
    )
    assert [len(each) for each in seen] == [20, 20, 10] * 2
    first, second = torch.cat(seen[:3]), torch.cat(seen[3:])
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(N))
    assert first.tolist() != second.tolist()


def test_the_best_weights_are_kept_and_it_stops_early() -> None:
    scores = iter([0.1, 0.5, 0.4, 0.5, 0.9])
    kept: list[dict[str, Any]] = []

    def validate(module: nn.Module) -> float:
        assert not module.training
        assert not torch.is_grad_enabled()
        kept.append(weights(module))
        return next(scores)

    net = network()
    settings = Settings(epochs=5, patience=2, batch_size=16)
    report = train(net, Samples(X, Y), settings=settings, validate=validate, progress=False)
    assert (report.best_epoch, report.scores, report.stopped_early) == (2, (0.1, 0.5, 0.4, 0.5), True)
    assert all(torch.equal(kept[1][name], value) for name, value in net.state_dict().items())
    assert not all(torch.equal(kept[3][name], value) for name, value in net.state_dict().items())


def test_what_is_frozen_stays_and_modes_are_as_before() -> None:
    net = network()
    net[0].requires_grad_(False)
    net.train()
    net[3].eval()
    before = weights(net)
    train(
        net,
        Samples(X, Y),
        settings=Settings(epochs=1, freeze_batch_norm=True, weight_decay=0.1),
        progress=False,
    )
    after = net.state_dict()
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert same == {"0.weight", "0.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked"}
    assert [net.training, *(each.training for each in net)] == [True, True, True, True, False, True]


@pytest.mark.parametrize(
    ("loss", "targets", "by_hand"),
    [
        ("cross_entropy", torch.softmax(X[:, :3], 1), lambda f, t: -(t * torch.log_softmax(f, 1)).sum(1).mean()),
        ("mse", X[:, :3], lambda f, t: ((f - t) ** 2).mean()),
        (
            "bce", (X[:, :3] > 0).float(),
            lambda f, t: -(t * torch.sigmoid(f).log() + (1 - t) * (1 - torch.sigmoid(f)).log()).mean(),
        ),
        ("cross_entropy", Y, lambda f, t: -torch.log_softmax(f, 1)[torch.arange(len(t)), t].mean()),
    ],
)  # fmt: skip
def test_losses(loss: Any, targets: torch.Tensor, by_hand: Callable[..., torch.Tensor]) -> None:
    net = network().requires_grad_(True)
    with torch.no_grad():
        expected = float(by_hand(network().train()(X), targets))
    report = train(net, lambda _: [(X, targets)], loss=loss, settings=Settings(epochs=1), progress=False)
    assert report.losses["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_ctc_is_the_sum_over_all_ways() -> None:
    """Two frames, one label: blank-label, label-blank and label-label spell it."""

    class Scores(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.scores = nn.Parameter(torch.tensor([[[0.3, 1.0, -1.0]], [[0.1, 0.2, 0.7]]]))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.scores + 0 * x.sum()

    p = torch.softmax(Scores().scores.detach()[:, 0], 1)
    expected = -torch.log(p[0, 0] * p[1, 1] + p[0, 1] * p[1, 0] + p[0, 1] * p[1, 1])
    targets = (torch.tensor([[1]]), torch.tensor([2]), torch.tensor([1]))
    report = train(
        Scores(), Samples(torch.zeros(1, 1), targets), loss="ctc", settings=Settings(epochs=1), progress=False
    )
    assert report.losses["loss"][0] == pytest.approx(float(expected), rel=1e-5)


class Counts(nn.Module):  # type: ignore[misc]
    """Notes how many samples come at once."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.seen = network(), list[int]()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(x))
        found: torch.Tensor = self.net(x)
        return found


@pytest.mark.parametrize(
    ("size", "batches"),
    [(7, [7] * 6 + [8]), (49, [50]), (50, [50]), (60, [50]), (16, [16, 16, 16, 2]), (25, [25, 25])],
)
def test_no_sample_is_alone_in_a_batch(size: int, batches: list[int]) -> None:
    net = Counts()
    settings = Settings(epochs=1, batch_size=size, schedule="cosine")
    report = train(net, Samples(X, Y), settings=settings, progress=False)
    assert net.seen == batches
    assert report.steps == len(batches)


def test_a_data_loader_is_data(tmp_path: Path) -> None:
    def loader() -> Any:
        return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), batch_size=10, shuffle=True)

    found = []
    for _ in range(2):
        net = network()
        settings = Settings(epochs=2, schedule="one_cycle")
        report = train(
            net, loader(), settings=settings, checkpoint=tmp_path / "a", save_every=3, progress=False
        )
        assert (report.steps, report.resumed) == (10, False)
        (tmp_path / "a").unlink()
        found.append(net)
    assert equal(found[0], found[1])


# bad input


@pytest.mark.parametrize(
    ("data", "loss", "said"),
    [
        (Samples(X), "cross_entropy", "needs targets, and the data have none"),
        (Samples(X, Y + 1), "cross_entropy", r"expected labels of 0\.\.2, found 1\.\.3"),
        (Samples(X, X), "cross_entropy", "the network gives shape"),
        (Samples(X, Y), "mse", r"the network gives shape \[50, 3\], and the targets have \[50\]"),
        (Samples(X, X[:, :3] * 9), "bce", r"expected targets of 0\.\.1"),
        (Samples(X, Y), "ctc", "labels, lengths of the outputs"),
        (Samples(X, Y), "mae", "expected one of cross_entropy, mse, bce, ctc"),
        (Samples(X[:, :4], Y), "cross_entropy", r"cannot be trained with inputs of \[50, 4\] float32"),
        (lambda _: [], "cross_entropy", "no batch in epoch 1"),
        (lambda _: [(X, Y, Y)], "cross_entropy", r"expected a batch of \(inputs, targets\), found 3"),
        (X, "cross_entropy", "expected Samples, a DataLoader, or a callable"),
    ],
)
def test_data_that_do_not_fit_are_refused_before_anything_is_trained(data: Any, loss: Any, said: str) -> None:
    net = network()
    with pytest.raises(InputError, match=said):
        train(net, data, loss=loss, settings=Settings(batch_size=N), progress=False)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), network().parameters(), strict=True))


@pytest.mark.parametrize(
    ("inputs", "targets", "said"),
    [(X, Y[:9], "9 and 50 samples"), (X[:0], None, "no samples"), ((), None, "no samples")],
)
def test_samples_that_are_none(inputs: Any, targets: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Samples(inputs, targets)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0}, {"epochs": 1.5}, {"batch_size": 0}, {"learning_rate": 0}, {"learning_rate": float("nan")},
        {"optimizer": "adem"}, {"schedule": "cosin"}, {"clip_norm": -1}, {"patience": 0}, {"warm_up": 2},
        {"momentum": -0.1}, {"betas": (0.9, 1.1)}, {"threads": 0}, {"seed": -1}, {"decay": 0}, {"epochs": True},
    ],
)  # fmt: skip
def test_settings_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(wrong))}: expected"):
        Settings(**wrong)


def test_what_cannot_be_trained() -> None:
    with pytest.raises(InputError, match="no parameters that may change"):
        train(network().requires_grad_(False), Samples(X, Y), progress=False)
    with pytest.raises(InputError, match="patience needs validate"):
        train(network(), Samples(X, Y), settings=Settings(patience=1), progress=False)
    with pytest.raises(InputError, match="give steps_per_epoch"):
        train(network(), in_order, settings=Settings(schedule="cosine"), progress=False)
    with pytest.raises(InputError, match="gave 4 batches in epoch 1, and 9 are expected"):
        train(network(), in_order, settings=Settings(steps_per_epoch=9), progress=False)


@pytest.mark.parametrize("where", ["input", "gradient"])
def test_a_loss_that_is_not_finite_stops_before_it_harms(where: str) -> None:
    class Root(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (self.scale * x).sqrt()

    bad = torch.tensor([[float("nan")]]) if where == "input" else torch.zeros(1, 1)
    net = Root()
    good = (torch.ones(1, 1), torch.ones(1, 1) * 2)
    with pytest.raises(TrainingError, match=r"step 3 of epoch 1: the (loss is nan|gradient of the loss)"):
        train(net, lambda _: [good, good, (bad, torch.ones(1, 1))], loss="mse", progress=False)
    other = Root()
    train(other, lambda _: [good, good], loss="mse", settings=Settings(epochs=1), progress=False)
    assert torch.equal(net.scale, other.scale)


def test_a_score_that_is_not_a_number() -> None:
    with pytest.raises(TrainingError, match="validate gave NaN after epoch 1"):
        train(network(), Samples(X, Y), validate=lambda _: float("nan"), progress=False)


def ctc_of(labels: Any, of_outputs: Any, of_labels: Any, steps: int = 4) -> None:
    class Scores(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Linear(2, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.net(x).transpose(0, 1)
            return found

    targets = tuple(torch.tensor(each) for each in (labels, of_outputs, of_labels))
    x = torch.zeros(len(of_labels), steps, 2)
    train(Scores(), lambda _: [(x, targets)], loss="ctc", settings=Settings(epochs=1), progress=False)


@pytest.mark.parametrize(
    ("labels", "of_outputs", "of_labels", "said"),
    [
        ([[1, 9]], [4], [2], r"sample 0: expected labels of 1\.\.4 \(0 is the blank\), found \[1, 9\]"),
        ([[1, 2], [0, 2]], [4, 4], [2, 1], "sample 1: expected labels of"),
        ([[1, -1]], [4], [2], "expected labels of"),
        ([[1, 2]], [4], [3], "expected 0 to 2 labels, found the length 3"),
        ([[1, 2]], [5], [2], r"lengths of the outputs of 1\.\.4"),
        ([[1, 2]], [0], [0], r"lengths of the outputs of 1\.\.4"),
        ([[3, 3, 3]], [4], [3], "its 3 labels need 5 steps"),
        ([1, 2, 3], [4, 4], [2, 2], "for 2 samples of 4 labels"),
        ([[1, 2]], [4, 4], [2], "lengths of each kind"),
    ],
)
def test_ctc_of_labels_that_cannot_be_is_refused(
    labels: Any, of_outputs: Any, of_labels: Any, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        ctc_of(labels, of_outputs, of_labels)


def test_ctc_of_labels_in_both_forms() -> None:
    ctc_of([[1, 2], [3, 0]], [4, 4], [2, 1])
    ctc_of([1, 2, 3], [4, 4], [2, 1])


@pytest.mark.parametrize(("loss", "targets"), [("cross_entropy", Y), ("bce", (X[:, :3] > 0).float())])
def test_a_wrong_answer_far_behind_is_found_before_anything_is_trained(
    loss: Any, targets: torch.Tensor
) -> None:
    wrong = targets.clone()
    wrong[N - 3] = 7
    net = network()
    with pytest.raises(InputError, match="expected"):
        train(net, Samples(X, wrong), loss=loss, settings=Settings(batch_size=2), progress=False)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), network().parameters(), strict=True))


def test_a_label_of_ctc_far_behind_is_found_before_anything_is_trained() -> None:
    class Scores(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.net = nn.Linear(2, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.net(x).transpose(0, 1)
            return found

    for place in range(12):
        labels = torch.ones(12, 2, dtype=torch.int64)
        labels[:, 1] = 2
        labels[place, 1] = 9
        targets = (labels, torch.full((12,), 4), torch.full((12,), 2))
        net = Scores()
        with pytest.raises(InputError, match="expected labels of"):
            train(net, Samples(torch.zeros(12, 4, 2), targets), loss="ctc", settings=Settings(batch_size=2),
                  progress=False)  # fmt: skip
        assert all(torch.equal(a, b) for a, b in zip(net.parameters(), Scores().parameters(), strict=True))


def test_statistics_of_a_step_that_failed_are_put_back() -> None:
    nets = [network(), network()]
    bad = X.clone()
    bad[:] = float("nan")
    with pytest.raises(TrainingError, match="step 2 of epoch 1"):
        train(nets[0], lambda _: [(X, Y), (bad, Y)], progress=False)
    train(nets[1], lambda _: [(X, Y)], settings=Settings(epochs=1), progress=False)
    assert equal(nets[0], nets[1])


def test_arrays_as_numpy_makes_them() -> None:
    inputs = X.numpy().astype(np.float64)
    inputs.setflags(write=False)
    nets = [network(), network()]
    with torch.no_grad():
        train(nets[0], Samples(inputs, Y.numpy()), settings=Settings(epochs=1), progress=False)
    train(nets[1], Samples(X, Y), settings=Settings(epochs=1), progress=False)
    assert equal(nets[0], nets[1])


def test_every_step_draws_its_own_numbers() -> None:
    drawn: list[float] = []

    def note(batch: Batch) -> Batch:
        drawn.append(float(torch.randn(1)))
        return batch

    settings = Settings(epochs=2, batch_size=10)
    train(network(), Samples(X, Y, note), settings=settings, progress=False)
    assert len(set(drawn)) == len(drawn) == 10


def test_patience_begins_anew_with_every_better_score() -> None:
    scores = iter([0.1, 0.05, 0.5, 0.4, 0.9, 0.8])
    settings = Settings(epochs=6, patience=2)
    report = train(
        network(), Samples(X, Y), settings=settings, validate=lambda _: next(scores), progress=False
    )
    assert (report.epochs, report.best_epoch, report.stopped_early) == (6, 5, False)


def test_the_best_weights_are_kept_where_all_epochs_are_trained() -> None:
    scores, kept = iter([0.1, 0.9, 0.3]), []

    def validate(module: nn.Module) -> float:
        kept.append(weights(module))
        return next(scores)

    net = network()
    report = train(net, Samples(X, Y), settings=Settings(epochs=3), validate=validate, progress=False)
    assert (report.best_epoch, report.stopped_early) == (2, False)
    assert all(torch.equal(kept[1][name], value) for name, value in net.state_dict().items())


def test_bfloat16_is_computed_with_and_not_kept() -> None:
    seen: list[torch.dtype] = []
    nets = [network(), network()]
    for precision, net in zip(("float32", "bfloat16"), nets, strict=True):
        net[4].register_forward_hook(lambda _, given, found: seen.append(found.dtype))
        settings = Settings(epochs=1, batch_size=N, precision=precision)  # type: ignore[arg-type]
        train(net, Samples(X, Y), settings=settings, progress=False)
    assert seen == [torch.float32, torch.bfloat16]
    assert {each.dtype for each in nets[1].parameters()} == {torch.float32}
    assert not equal(*nets)


def test_one_cycle_rises_over_the_warm_up() -> None:
    rates: list[float] = []

    class Watched(torch.optim.SGD):  # type: ignore[misc]
        def step(self, closure: Any = None) -> Any:
            rates.append(self.param_groups[0]["lr"])
            return super().step(closure)

    settings = Settings(
        epochs=10, batch_size=25, optimizer=lambda free: Watched(free, 1.0), schedule="one_cycle",
        warm_up=0.6, learning_rate=0.1,
    )  # fmt: skip
    train(network(), Samples(X, Y), settings=settings, progress=False)
    assert int(np.argmax(rates)) == 11  # 0.6 of 20 steps, counted from 0
    assert max(rates) == pytest.approx(0.1)
