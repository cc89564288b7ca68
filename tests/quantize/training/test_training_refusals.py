"""What cannot be trained is refused with the reason, before anything is trained where that can be known."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edgemm.errors import InputError, TrainingError
from edgemm.quantize.training import Distillation, Samples, Settings, distil, train, train_gan

X = torch.randn(20, 6, generator=torch.Generator().manual_seed(0))
Y = torch.arange(20) % 3
SETTINGS = Settings(epochs=2, batch_size=8)


def network() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


def trained(data: Any = None, **more: Any) -> nn.Module:
    net = network()
    before = [each.clone() for each in net.parameters()]
    try:
        train(net, data or Samples(X, Y), settings=more.pop("settings", SETTINGS), progress=False, **more)
    except InputError:
        assert all(torch.equal(a, b) for a, b in zip(net.parameters(), before, strict=True))
        raise
    return net


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (lambda: ((X, Y) for _ in range(2)), "gives its batches once.*a list, a DataLoader, or a callable"),
        (lambda: iter([(X, Y)]), "gives its batches once"),
        (lambda: zip([X], [Y], strict=True), "gives its batches once"),
        (lambda: lambda: [(X, Y)], "data: expected a callable that takes the number of the epoch"),
        (lambda: lambda epoch: None, "data gave NoneType for epoch 1: expected batches"),
        (lambda: lambda epoch: [("a", "b")], "a batch's inputs: expected numbers, found .*str"),
        (lambda: [(X, ["cat"] * 20)], "a batch's targets: expected numbers, found .*list.*'cat'"),
        (lambda: {"inputs": X}, "a batch's inputs: expected numbers"),
        (lambda: [(X, np.array(["cat"] * 20))], "a batch's targets: expected numbers"),
    ],
)  # fmt: skip
def test_data(data: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        trained(data())


@pytest.mark.parametrize(
    ("inputs", "targets", "said"),
    [
        (
            X,
            ["cat", "dog"] * 10,
            r"targets: expected numbers, found text such as 'cat'.*Give each class a number",
        ),
        (X, np.array(["cat", "dog"] * 10), "targets: expected numbers, found text"),
        (X, np.array([None] * 20), "targets: expected numbers, found object"),
        (X, [[1], [2, 3]] * 10, "targets: expected numbers, and the rows are not equally long"),
        (["picture.png"] * 20, Y, "inputs: expected numbers, found text such as 'picture.png'"),
        (5, None, "inputs: expected an array with one row for each sample, found int"),
        (X, 5, "targets: expected an array with one row for each sample, found int"),
    ],
)
def test_samples(inputs: Any, targets: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Samples(inputs, targets)


def test_data_that_begin_anew_by_themselves_are_data() -> None:
    class Anew:
        def __iter__(self) -> Any:
            self.left = 2
            return self

        def __next__(self) -> Any:
            if not self.left:
                raise StopIteration
            self.left -= 1
            return X, Y

    assert train(network(), Anew(), settings=SETTINGS, progress=False).steps == 4


def test_lists_of_numbers_are_samples() -> None:
    assert len(Samples(X.tolist(), Y.tolist())) == 20


class Named(nn.Module):  # type: ignore[misc]
    def __init__(self, *more: str) -> None:
        super().__init__()
        self.net, self.more = network(), more

    def forward(self, x: Any) -> Any:
        return {"logits": self.net(x)} | {name: self.net(x).mean() for name in self.more}


def test_one_output_in_a_dict_is_the_output() -> None:
    net = Named()
    train(net, Samples(X, Y), settings=SETTINGS, progress=False)
    plain = network()
    train(plain, Samples(X, Y), settings=SETTINGS, progress=False)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), plain.parameters(), strict=True))
    with pytest.raises(InputError, match=r"expected labels of 0\.\.2"):
        train(Named(), Samples(X, Y + 1), settings=SETTINGS, progress=False)
    distil(Named(), Named(), Samples(X, Y), how=Distillation(weight=0.5), settings=SETTINGS, progress=False)


@pytest.mark.parametrize("loss", ["cross_entropy", "mse", "bce", "ctc"])
def test_several_outputs_need_a_loss_of_ones_own(loss: Any) -> None:
    with pytest.raises(InputError, match=rf"{loss}: .* the network gives 2 \(logits, aux\).*loss=lambda"):
        train(Named("aux"), Samples(X, Y), loss=loss, settings=SETTINGS, progress=False)


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (lambda found, targets: 3.0, "expected a tensor of one number, found float"),
        (lambda found, targets: None, "expected a tensor of one number, found NoneType"),
        (lambda found, targets: found, r"expected a tensor of one number, found a tensor of shape \[\d, 3\]"),
        (lambda found, targets: found.sum().detach(), "does not depend on the parameters"),
    ],
)
def test_losses_of_the_callers_own(loss: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        trained(loss=loss)


@pytest.mark.parametrize("labels", [Y.float(), Y.double(), Y.float()[:, None]])
def test_labels_that_are_no_whole_numbers(labels: Any) -> None:
    with pytest.raises(InputError, match=r"labels are whole numbers, found float(32|64).*\.long\(\)"):
        trained(Samples(X, labels))


def test_a_checkpoint_that_is_a_folder(tmp_path: Path) -> None:
    steps: list[int] = []

    def counted(found: Any, targets: Any) -> Any:
        steps.append(1)
        return nn.functional.cross_entropy(found, targets)

    for path in (tmp_path, tmp_path / "none" / "a"):
        with pytest.raises(InputError, match="checkpoint"):
            trained(checkpoint=path, loss=counted)
    with pytest.raises(InputError, match=r"is a folder: name a file in it"):
        trained(checkpoint=str(tmp_path))
    with pytest.raises(InputError, match="checkpoint: expected the path of a file, found int"):
        trained(checkpoint=5)
    with pytest.raises(InputError, match="is a folder"):
        train_gan(
            nn.Linear(2, 6), nn.Linear(6, 1), Samples(X), noise=(2,), checkpoint=tmp_path, progress=False
        )
    assert not steps
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("validate", [5, lambda: 1.0])
def test_what_cannot_validate_is_refused_before(validate: Any) -> None:
    with pytest.raises(InputError, match="validate: expected a callable that takes the network"):
        trained(validate=validate)


@pytest.mark.parametrize("score", [None, "good", torch.zeros(2), {"accuracy": 1}])
def test_what_is_no_score(score: Any) -> None:
    with pytest.raises(
        TrainingError, match=r"validate gave .* after epoch 1: expected a number, higher is better"
    ):
        trained(validate=lambda _: score)


def test_a_partial_validates() -> None:
    trained(validate=functools.partial(lambda a, net: torch.tensor(a), 0.5))


def _other(net: nn.Module, name: str) -> nn.Module:
    with torch.no_grad():
        dict(net.named_parameters())[name].add_(1)
    return net


def _wide() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 3))


def _smooth() -> nn.Module:
    net = network()
    net[1] = nn.Tanh()
    return net


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"module": _other(network(), "0.bias")}, "these differ: the weights that it begins with"),
        ({"module": _wide()}, "these differ: the network's structure, the weights"),
        ({"module": _smooth()}, r"these differ: the network's structure\."),
        ({"data": Samples(X + 1, Y)}, r"these differ: the data\."),
        ({"data": Samples(X, Y, lambda batch: batch)}, r"these differ: augment\."),
        (
            {"settings": Settings(epochs=3, batch_size=8, seed=1)},
            r"these differ: epochs \(2 there, 3 now\), seed \(0 there, 1 now\)\.",
        ),
        ({"loss": nn.functional.cross_entropy}, "these differ: the loss"),
    ],
)  # fmt: skip
def test_what_differs_from_a_checkpoint_is_named(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"settings": SETTINGS, "checkpoint": tmp_path / "a", "progress": False}
    given["data"] = Samples(X, Y)
    train(network(), **given)
    module = changed.pop("module", None) or network()
    with pytest.raises(InputError, match=f"is of another training: {said}"):
        train(module, **given | changed)


def test_another_teacher_is_named(tmp_path: Path) -> None:
    given: dict[str, Any] = {"settings": SETTINGS, "checkpoint": tmp_path / "a", "progress": False}
    distil(network(), network(), Samples(X), **given)
    with pytest.raises(InputError, match=r"these differ: the teacher\."):
        distil(network(), _other(network(), "0.bias"), Samples(X), **given)
    with pytest.raises(InputError, match=r"these differ: temperature \(2\.0 there, 3\.0 now\)\."):
        distil(network(), network(), Samples(X), how=Distillation(temperature=3.0), **given)
