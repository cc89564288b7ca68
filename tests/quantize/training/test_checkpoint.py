"""A training that is interrupted goes on as if it had not been."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from edgemm.errors import InputError
from edgemm.quantize.training import Batch, Samples, Settings, TrainingReport, distil, train, train_gan

SETTINGS = Settings(epochs=4, batch_size=8, schedule="one_cycle", clip_norm=1.0, learning_rate=0.01)
STEPS = 4 * 5
X = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
Y = torch.arange(40) % 3


class Interruption(Exception):
    pass


class Once:
    """Raises in a chosen call, once."""

    def __init__(self, call: int) -> None:
        self._left = call

    def __call__(self, batch: Batch) -> Batch:
        self._left -= 1
        if self._left == 0:
            raise Interruption
        return Batch((batch.inputs[0] + 0.1 * torch.randn(batch.inputs[0].shape),), batch.targets)


def network() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))


def score(module: nn.Module) -> float:
    return float((module(X).argmax(1) == Y).float().mean())


def trained(
    path: Path | None, stop: int = 0, settings: Settings = SETTINGS
) -> tuple[nn.Module, TrainingReport]:
    net = network()
    report = train(
        net, Samples(X, Y, Once(stop)), settings=settings, validate=score, checkpoint=path, save_every=3,
        progress=False,
    )  # fmt: skip
    return net, report


def equal(one: nn.Module, other: nn.Module) -> bool:
    return all(
        torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("stop", [1, 2, 4, 5, 6, 7, 11, 20])
def test_it_goes_on_to_the_same_weights(tmp_path: Path, stop: int) -> None:
    whole, expected = trained(None)
    path = tmp_path / "a.checkpoint"
    with pytest.raises(Interruption):
        trained(path, stop)
    net, report = trained(path)
    assert equal(net, whole)
    assert (report.losses, report.scores, report.best_epoch, report.steps) == (
        expected.losses, expected.scores, expected.best_epoch, STEPS,
    )  # fmt: skip
    assert report.resumed is (stop > 3)


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    path = tmp_path / "a.checkpoint"
    whole, first = trained(path)
    net, report = trained(path, stop=1)
    assert equal(net, whole)
    assert report.resumed
    assert (report.losses, report.best_epoch) == (first.losses, first.best_epoch)


def test_a_callers_own_batches_go_on_where_they_were(tmp_path: Path) -> None:
    def batches(epoch: int) -> Any:
        wide = torch.rand(1)  # drawn once for the epoch
        for start in range(0, 40, 8):
            yield X[start : start + 8] * wide + torch.randn(8, 6) + epoch, Y[start : start + 8]

    found = []
    for path, stop in ((None, 0), (tmp_path / "a", 9), (tmp_path / "a", 0)):
        net, hook = network(), Once(stop)
        settings = Settings(epochs=3, steps_per_epoch=5)

        def loss(given: Any, truth: Any, hook: Once = hook) -> Any:
            hook(Batch((torch.zeros(1),)))
            return nn.functional.cross_entropy(given, truth)

        try:
            train(net, batches, loss=loss, settings=settings, checkpoint=path, save_every=1, progress=False)
        except Interruption:
            continue
        found.append(net)
    assert len(found) == 2
    assert equal(found[0], found[1])


def test_a_data_loader_goes_on_where_it_was(tmp_path: Path) -> None:
    found = []
    for path, stop in ((None, 0), (tmp_path / "a", 13), (tmp_path / "a", 0)):
        net, hook = network(), Once(stop)
        data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), batch_size=8, shuffle=True)

        def loss(given: Any, truth: Any, hook: Once = hook) -> Any:
            hook(Batch((torch.zeros(1),)))
            return nn.functional.cross_entropy(given, truth)

        try:
            train(
                net,
                data,
                loss=loss,
                settings=Settings(epochs=4),
                checkpoint=path,
                save_every=3,
                progress=False,
            )
        except Interruption:
            continue
        found.append(net)
    assert equal(*found)


def test_a_gan_goes_on_too(tmp_path: Path) -> None:
    def play(path: Path | None, stop: int) -> nn.Module:
        torch.manual_seed(0)
        make, judge = (
            nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 6)),
            nn.Linear(6, 1),
        )
        data = Samples(X, None, Once(stop))
        settings = Settings(epochs=3, batch_size=8, learning_rate=0.01)
        train_gan(make, judge, data, noise=(2,), settings=settings, average=0.9, checkpoint=path, save_every=2,
                  progress=False)  # fmt: skip
        return make

    whole = play(None, 0)
    with pytest.raises(Interruption):
        play(tmp_path / "a", 8)
    assert equal(play(tmp_path / "a", 0), whole)


SCRIPT = """
import sys
import torch
sys.path.insert(0, {folder!r})
from test_checkpoint import trained
print("ready", flush=True)
net, report = trained({path!r} and __import__("pathlib").Path({path!r}))
torch.save(net.state_dict(), {out!r})
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_process_leaves_a_whole_checkpoint(tmp_path: Path, how: signal.Signals) -> None:
    path, out = tmp_path / "a.checkpoint", tmp_path / "weights"
    words = [
        sys.executable,
        "-c",
        SCRIPT.format(folder=str(Path(__file__).parent), path=str(path), out=str(out)),
    ]
    first = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=dict(os.environ))
    assert first.stdout is not None
    first.stdout.readline()
    while first.poll() is None and not path.exists():
        time.sleep(0.005)
    first.send_signal(how)
    first.wait()
    first.stdout.close()
    subprocess.run(words, check=True, capture_output=True, timeout=120)
    whole, _ = trained(None)
    found = torch.load(out, weights_only=True)
    assert all(torch.equal(found[name], value) for name, value in whole.state_dict().items())


def test_the_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.checkpoint"
    trained(path)
    other_seed = Settings(**{**SETTINGS.to_json(), "betas": SETTINGS.betas, "seed": 1})
    with pytest.raises(InputError, match="is of another training"):
        trained(path, settings=other_seed)
    with pytest.raises(InputError, match="is of another training"):
        train(network(), Samples(X + 1, Y), settings=SETTINGS, checkpoint=path, progress=False)
    with pytest.raises(InputError, match="is of another training"):
        train(nn.Linear(6, 3), Samples(X, Y), settings=SETTINGS, checkpoint=path, progress=False)
    with pytest.raises(InputError, match="is of another training"):
        train(network(), Samples(X, Y), loss=nn.functional.cross_entropy, settings=SETTINGS, checkpoint=path,
              progress=False)  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"text", "cut"])
def test_a_damaged_checkpoint_is_refused_and_kept(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "a.checkpoint"
    if content == "cut":
        trained(path)
        content = path.read_bytes()[:-100]
    path.write_bytes(content)
    with pytest.raises(InputError, match="is damaged, or no checkpoint"):
        trained(path)
    assert path.read_bytes() == content


def test_a_checkpoint_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        trained(tmp_path / "none" / "a.checkpoint")
    with pytest.raises(InputError, match="save_every"):
        train(network(), Samples(X, Y), checkpoint=tmp_path / "a", save_every=0, progress=False)


def test_the_report_is_json() -> None:
    _, report = trained(None)
    said = json.loads(json.dumps(report.to_json()))
    assert (said["best_epoch"], said["steps"], len(said["scores"])) == (report.best_epoch, STEPS, 4)


@pytest.mark.parametrize("place", [5, 40, 300, -300, -3])
def test_one_bit_that_flipped_is_seen(tmp_path: Path, place: int) -> None:
    path = tmp_path / "a.checkpoint"
    trained(path)
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)
    with pytest.raises(InputError, match="is damaged, or no checkpoint"):
        trained(path)


def test_buffers_that_no_file_keeps_go_on_too(tmp_path: Path) -> None:
    class Counting(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = network()
            self.register_buffer("steps", torch.zeros(1), persistent=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.training:
                self.steps += 1
            found: torch.Tensor = self.net(x) * (1 + self.steps / 10)
            return found

    found = []
    for path, stop in ((None, 0), (tmp_path / "a", 7), (tmp_path / "a", 0)):
        net = Counting()
        try:
            train(
                net,
                Samples(X, Y, Once(stop)),
                settings=SETTINGS,
                checkpoint=path,
                save_every=2,
                progress=False,
            )
        except Interruption:
            continue
        found.append(net)
    assert equal(*found)
    assert torch.equal(found[0].steps, found[1].steps)


def _other_start() -> tuple[nn.Module, dict[str, Any]]:
    torch.manual_seed(2)
    return nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3)
    ), {}


def _other_activation() -> tuple[nn.Module, dict[str, Any]]:
    net = network()
    net[2] = nn.Tanh()
    return net, {}


def _other_frozen() -> tuple[nn.Module, dict[str, Any]]:
    net = network()
    net[0].requires_grad_(False)
    return net, {}


@pytest.mark.parametrize(
    "other",
    [
        _other_start, _other_activation, _other_frozen,
        lambda: (network(), {"loss": nn.CrossEntropyLoss(label_smoothing=0.2)}),
        lambda: (network(), {"data": Samples(X, Y, lambda batch: batch)}),
    ],
)  # fmt: skip
def test_what_decides_the_weights_is_part_of_the_checkpoint(tmp_path: Path, other: Any) -> None:
    path = tmp_path / "a.checkpoint"
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    train(network(), Samples(X, Y), loss=loss, settings=SETTINGS, checkpoint=path, progress=False)
    net, changed = other()
    given: dict[str, Any] = {"data": Samples(X, Y), "loss": loss} | changed
    with pytest.raises(InputError, match="is of another training"):
        train(net, settings=SETTINGS, checkpoint=path, progress=False, **given)


def test_the_teacher_is_part_of_the_checkpoint(tmp_path: Path) -> None:
    def student() -> nn.Module:
        torch.manual_seed(1)
        return nn.Linear(6, 3)

    path = tmp_path / "a.checkpoint"
    distil(student(), network(), Samples(X), settings=SETTINGS, checkpoint=path, progress=False)
    other, _ = _other_start()
    with pytest.raises(InputError, match="is of another training"):
        distil(student(), other, Samples(X), settings=SETTINGS, checkpoint=path, progress=False)
    again = distil(student(), network(), Samples(X), settings=SETTINGS, checkpoint=path, progress=False)
    assert again.resumed


@pytest.mark.parametrize(("seconds", "steps"), [(0.0, 4), (1e9, 0)])
def test_it_is_kept_by_the_clock_where_no_steps_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, steps: int
) -> None:
    monkeypatch.setattr("edgemm.quantize.training.course.SAVE_SECONDS", seconds)
    path = tmp_path / "a.checkpoint"
    for stop, resumed in ((5, False), (0, steps > 0)):
        data = Samples(X, Y, Once(stop))
        try:
            report = train(network(), data, settings=SETTINGS, checkpoint=path, progress=False)
        except Interruption:
            assert path.exists() == (steps > 0)
        else:
            assert report.resumed is resumed
