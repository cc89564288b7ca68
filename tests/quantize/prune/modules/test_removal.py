"""What goes and what stays in small networks whose right answer is known by hand."""

from __future__ import annotations

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch")
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

from edgemm.errors import InputError  # noqa: E402
from edgemm.quantize.prune import Target, prune  # noqa: E402
from edgemm.quantize.prune.modules.families import Family  # noqa: E402
from edgemm.quantize.prune.modules.plan import allowed  # noqa: E402

PICTURE = (torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)),)


def removed(report: Any) -> dict[str, tuple[int, int]]:
    return {each.layer: (each.before, each.after) for each in report.removed}


def chain(*widths: int) -> Any:
    torch.manual_seed(1)
    layers: list[nn.Module] = []
    for given, made in zip((3, *widths), (*widths, 4), strict=False):
        layers += [nn.Conv2d(given, made, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Attention(nn.Module):
    """Written by hand, its sizes in attributes."""

    def __init__(self, fused: bool, width: int = 32, heads: int = 4) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.heads, self.head_dim, self.fused, self.inner = heads, width // heads, fused, width
        self.given = nn.Linear(7, width)
        self.norm = nn.LayerNorm(width)
        parts = (3,) if fused else (1, 1, 1)
        self.qkv = nn.ModuleList(nn.Linear(width, width * part) for part in parts)
        self.out, self.decide = nn.Linear(width, width), nn.Linear(width, 3)

    def forward(self, x: Any) -> Any:
        x = self.norm(self.given(x))
        batch, time, _ = x.shape
        whole = torch.stack([layer(x) for layer in self.qkv], 2) if not self.fused else self.qkv[0](x)
        q, k, v = whole.view(batch, time, 3, self.heads, self.head_dim).permute(2, 0, 3, 1, 4).unbind(0)
        weights = (q @ k.transpose(-2, -1) / self.head_dim**0.5).softmax(-1)
        return self.decide(x + self.out((weights @ v).transpose(1, 2).reshape(batch, time, self.inner)))


@pytest.mark.parametrize("fused", [True, False])
def test_heads_of_attention_written_by_hand(fused: bool) -> None:
    network, inputs = Attention(fused).eval(), (torch.randn(2, 5, 7),)
    dead = [1, 3]
    with torch.no_grad():
        for head in dead:
            for part in range(3):
                layer, start = (network.qkv[0], 32 * part) if fused else (network.qkv[part], 0)
                layer.weight[start + 8 * head : start + 8 * head + 8] = 0
                layer.bias[start + 8 * head : start + 8 * head + 8] = 0
    pruned = prune(network, inputs, target="macs=0.85")
    assert {each.kind for each in pruned.report.removed} == {"heads"}
    assert set(removed(pruned.report).values()) == {(4, 2)} or set(removed(pruned.report).values()) == {
        (4, 3)
    }
    assert (pruned.module.heads, pruned.module.inner) == (
        pruned.report.removed[0].after,
        pruned.module.heads * 8,
    )
    torch.testing.assert_close(pruned.module(*inputs), network(*inputs))


def test_the_module_itself_is_not_changed() -> None:
    network = chain(16, 16).train()
    before = copy.deepcopy(network.state_dict())
    pruned = prune(network, PICTURE, target="macs=0.5", between=lambda module: module.train())
    assert network.training
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert pruned.module is not network


def test_counts_are_multiples_of_eight_and_never_below() -> None:
    pruned = prune(chain(20, 40, 6), PICTURE, target="macs=0.2")
    assert all(after % 8 == 0 or before < 8 for before, after in removed(pruned.report).values())
    assert all(after >= 1 for _, after in removed(pruned.report).values())
    assert min(after for before, after in removed(pruned.report).values() if before >= 8) >= 8


def test_weights_of_more_than_8192_numbers() -> None:
    """NumPy 2.4.6's `unravel_index` is wrong for them, where a kernel has one pixel."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 64, 1), nn.ReLU(), nn.Conv2d(64, 192, 1), nn.ReLU(), nn.Conv2d(192, 4, 1)
    )
    report = prune(network, PICTURE, target="macs=0.3").report
    assert set(removed(report)) == {"0", "2"}
    assert report.notes == ()


def test_channel_shuffle_and_split_channels() -> None:
    """Positions in the rows of a shuffle go together; parts of a split keep equally many."""

    class Unit(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b, self.c = nn.Conv2d(3, 32, 1), nn.Conv2d(16, 16, 3, padding=1), nn.Conv2d(32, 4, 1)

        def forward(self, x: Any) -> Any:
            one, other = self.a(x).chunk(2, 1)
            x = torch.cat((one, self.b(other)), 1)
            n, c, h, w = x.shape
            return self.c(x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w))

    pruned = prune(Unit(), PICTURE, target="macs=0.6")
    assert removed(pruned.report) == {"a": (32, 16), "b": (16, 8)}
    assert pruned.module(torch.randn(2, 3, 4, 4)).shape == (2, 4, 4, 4)


def test_the_output_keeps_its_size() -> None:
    pruned = prune(chain(32, 32), PICTURE, target="macs=0.3", multiple_of=1)
    assert pruned.module(*PICTURE).shape == (1, 4, 8, 8)
    assert "4" not in removed(pruned.report)


def test_least_is_removed_within_the_target() -> None:
    """With one width there is one right answer."""
    network = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 10))
    for target, left in ((0.9, 56), (0.875, 56), (0.8, 48), (0.13, 8)):
        pruned = prune(network, (torch.randn(1, 10),), target=f"macs={target}")
        assert removed(pruned.report)["0"] == (64, left)


def test_parameters_and_size_are_targets_too() -> None:
    network = chain(32, 32)
    by_parameters = prune(network, PICTURE, target=Target("parameters", 0.5)).report
    assert by_parameters.left("parameters") <= 0.5
    assert by_parameters.before["parameters"] == sum(each.numel() for each in network.parameters())
    by_size = prune(network, PICTURE, target="size=0.6").report
    assert 0.3 < by_size.left("size") <= 0.6


def test_layers_in_keep_are_not_touched() -> None:
    network = chain(16, 16, 16)
    pruned = prune(network, PICTURE, target="macs=0.8", keep=["2"])
    assert torch.equal(pruned.module[2].weight, network[2].weight)
    assert set(removed(pruned.report)) == {"4"}


def test_steps_train_between_and_report_the_whole() -> None:
    seen: list[int] = []
    pruned = prune(
        chain(64, 64), PICTURE, target="macs=0.25", steps=3,
        between=lambda module: seen.append(sum(each.numel() for each in module.parameters())),
    )  # fmt: skip
    assert len(seen) == 3
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 3
    assert removed(pruned.report)["0"][0] == 64
    assert pruned.report.left("macs") <= 0.25


def test_a_size_written_into_forward_keeps_its_layers() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
            self.c = nn.Linear(16 * 64, 4)

        def forward(self, x: Any) -> Any:
            return self.c(self.b(F.relu(self.a(x))).view(-1, 16 * 64))

    pruned = prune(Fixed(), PICTURE, target="macs=0.6")
    assert removed(pruned.report) == {"a": (16, 8)}
    assert any(note.startswith("b: kept, for forward()") for note in pruned.report.notes)


def test_states_that_go_to_another_layer_go_with_it() -> None:
    class Answer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.hear, self.speak = nn.GRU(6, 16, batch_first=True), nn.GRU(6, 16, batch_first=True)
            self.decide = nn.Linear(16, 3)

        def forward(self, x: Any) -> Any:
            return self.decide(self.speak(x, self.hear(x)[1])[0])

    network = Answer()
    for layer in (network.hear, network.speak):
        for tensor in layer.parameters():
            tensor.data.view(3, 16, -1)[:, [0, 3, 4, 7, 9, 11, 12, 15]] = 0
    x = torch.randn(2, 5, 6)
    pruned = prune(network, (x,), target="macs=0.5")
    assert removed(pruned.report) == {"hear": (16, 8), "speak": (16, 8)}
    torch.testing.assert_close(pruned.module(x), network(x))


def test_states_that_the_network_returns_stay() -> None:
    class Step(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.mix, self.decide = nn.LSTMCell(6, 16), nn.Linear(16, 32), nn.Linear(32, 3)

        def forward(self, x: Any, h: Any, c: Any) -> Any:
            h, c = self.cell(x, (h, c))
            return self.decide(self.mix(h).relu()), h, c

    pruned = prune(Step(), (torch.randn(2, 6), torch.randn(2, 16), torch.randn(2, 16)), target="macs=0.9")
    assert set(removed(pruned.report)) == {"mix"}


def test_shared_weights_stay_shared() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.words, self.layer = nn.Embedding(30, 16), nn.Linear(16, 16)
            self.answer = nn.Linear(16, 30)
            self.answer.weight = self.words.weight

        def forward(self, x: Any) -> Any:
            return self.answer(torch.relu(self.layer(self.words(x))))

    pruned = prune(Tied(), (torch.randint(0, 30, (2, 4)),), target="macs=0.6").module
    assert pruned.answer.weight is pruned.words.weight
    assert pruned.words.embedding_dim == pruned.answer.in_features == 8


def test_batch_norm_scales_choose() -> None:
    network = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 4, 3)).eval()
    with torch.no_grad():
        network[1].weight.copy_(torch.arange(16) + 1.0)
    pruned = prune(network, PICTURE, target="macs=0.5", importance="batch_norm")
    assert pruned.module[1].weight.tolist() == [float(n) for n in range(9, 17)]


def test_a_batch_norm_scale_of_zero_goes_first() -> None:
    network = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 4, 3)).eval()
    with torch.no_grad():
        network[1].weight.copy_(torch.arange(16) % 2)
    pruned = prune(network, PICTURE, target="macs=0.5", importance="batch_norm")
    assert pruned.module[1].weight.tolist() == [1.0] * 8
    torch.testing.assert_close(pruned.module(*PICTURE), network(*PICTURE))


def test_taylor_keeps_what_the_loss_needs() -> None:
    """Rows are large where the answer does not use them: norms of rows alone would choose wrongly."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))
    with torch.no_grad():
        network[0].weight[:8] *= 50
        network[2].weight[:, :8] = 1e-6
        network[0].bias[:8] = -1000.0  # silent
    batches = [(torch.randn(32, 6), torch.randint(0, 3, (32,))) for _ in range(3)]
    pruned = prune(network, (torch.randn(1, 6),), target="macs=0.5", importance="taylor", data=batches)
    assert torch.equal(pruned.module[0].weight, network[0].weight[8:])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"target": "macs=0.001"}, r"cannot be reached; the nearest that can is macs=0\.\d+"),
        ({"target": "speed=2"}, "a target is one of"),
        ({"target": "ms=3"}, "needs something that measures"),
        ({"importance": "l3"}, "importance is one of l1"),
        ({"importance": "batch_norm"}, "the module has none"),
        ({"importance": "taylor"}, "needs data"),
        ({"importance": "taylor", "data": [torch.zeros(1, 3, 8, 8)]}, "needs labels"),
        ({"importance": "taylor", "data": []}, "no batch"),
        ({"importance": "taylor", "data": [(PICTURE[0], torch.zeros(7))]}, "do not fit outputs"),
        ({"scope": "local"}, "scope is global or uniform"),
        ({"steps": 0}, "steps is a whole number"),
        ({"multiple_of": 0}, "multiple_of is a whole number"),
        ({"keep": "2"}, "write \\['2'\\]"),
        ({"keep": ["22"]}, "did you mean '2'"),
        ({"keep": ["0", "2"]}, "nothing can be removed"),
        ({"steps": 2, "data": iter([])}, "not a generator"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        prune(chain(16, 16), PICTURE, **{"target": "macs=0.5", **changes})


@pytest.mark.parametrize(
    ("module", "inputs", "said"),
    [
        ("net", PICTURE, "expected a torch.nn.Module"),
        (chain(16), PICTURE[0], "expected a tuple of tensors"),
        (chain(16), (torch.zeros(1, 5, 8, 8),), "cannot be traced with these inputs"),
    ],
)
def test_modules_and_inputs_that_do_not_fit(module: Any, inputs: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        prune(module, inputs, target="macs=0.5")


def test_control_flow_on_values_cannot_be_traced() -> None:
    class Undecided(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(4, 16)

        def forward(self, x: Any) -> Any:
            return self.a(x) if x.sum() > 0 else x

    with pytest.raises(InputError, match="no Python control flow"):
        prune(Undecided(), (torch.ones(1, 4),), target="macs=0.5")


def test_parameters_that_forward_uses_itself() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.kernel, self.matrix = (
                nn.Parameter(torch.randn(16, 3, 3, 3)),
                nn.Parameter(torch.randn(16, 4)),
            )
            self.scale = nn.Parameter(torch.randn(16, 1, 1))

        def forward(self, x: Any) -> Any:
            return (F.conv2d(x, self.kernel).relu() * self.scale).mean((2, 3)) @ self.matrix

    pruned = prune(Own(), PICTURE, target="macs=0.6")
    assert removed(pruned.report) == {"kernel": (16, 8)}
    assert [tuple(each.shape) for each in pruned.module.parameters()] == [(8, 3, 3, 3), (8, 4), (8, 1, 1)]


def test_a_computed_weight_is_kept_and_said() -> None:
    network = nn.Sequential(
        nn.Conv1d(3, 32, 1), nn.ReLU(), nn.utils.parametrizations.weight_norm(nn.Conv1d(32, 32, 1)), nn.ReLU(),
        nn.Conv1d(32, 32, 1), nn.ReLU(), nn.Conv1d(32, 4, 1),
    )  # fmt: skip
    pruned = prune(network, (torch.randn(1, 3, 8),), target="macs=0.8")
    assert set(removed(pruned.report)) == {"4"}
    assert any("its weight is computed" in note for note in pruned.report.notes)


@pytest.mark.parametrize("target", [0.3, 0.45, 0.5, 0.55, 0.7])
def test_nothing_could_be_given_back(target: float) -> None:
    """One step more in any layer would be above the target."""

    def macs(a: int, b: int, c: int) -> int:
        return 4 * a + a * b + b * c + c * 4

    torch.manual_seed(0)
    sizes = (16, 64, 64)
    network = nn.Sequential(
        nn.Linear(4, 16),
        nn.ReLU(),
        nn.Linear(16, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 4),
    )
    gone = removed(prune(network, (torch.randn(1, 4),), target=f"macs={target}", scope="uniform").report)
    left = [gone.get(name, (size, size))[1] for name, size in zip("024", sizes, strict=True)]
    assert macs(*left) <= target * macs(*sizes)
    for place, size in enumerate(sizes):
        more = [each + 8 if other == place else each for other, each in enumerate(left)]
        assert left[place] == size or macs(*more) > target * macs(*sizes)


def test_l1_and_l2_rank_differently() -> None:
    """A channel of one large weight against one of many small ones: the first has the larger L2 norm alone."""
    network = nn.Sequential(nn.Linear(9, 2), nn.ReLU(), nn.Linear(2, 3))
    with torch.no_grad():
        network[0].weight[0], network[0].weight[1] = 1.0, torch.eye(9)[0] * 6
        network[2].weight.fill_(1.0)
    left = {
        importance: prune(network, (torch.randn(1, 9),), target="macs=0.6", importance=importance).module
        for importance in ("l1", "l2")
    }
    assert torch.equal(left["l1"][0].weight[0], network[0].weight[0])
    assert torch.equal(left["l2"][0].weight[0], network[0].weight[1])


def test_frozen_parameters_stay_frozen() -> None:
    network = chain(16, 16)
    network[0].requires_grad_(False)
    pruned = prune(network, PICTURE, target="macs=0.5").module
    assert [each.requires_grad for each in pruned.parameters()] == [False, False, True, True, True, True]


def test_taylor_changes_nothing_and_reads_all_batches() -> None:
    """Two batches: what the first says of the units is the opposite of the second, which counts ten times more."""
    network = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(2))
        network[2].weight.fill_(1.0)
    network[0].requires_grad_(False)
    much, little = torch.tensor([[9.0, 0.1]]), torch.tensor([[0.1, 1.0]])
    batches = [(much, torch.zeros(1, 1)), (little, torch.zeros(1, 1))]
    pruned = prune(
        network, (torch.randn(1, 2),), target="macs=0.6", importance="taylor", data=batches, multiple_of=1
    )
    assert pruned.module[0].weight.tolist() == [[1.0, 0.0]]
    assert [each.requires_grad for each in network.parameters()] == [False, True]
    assert all(each.grad is None for each in network.parameters())


def test_a_kept_name_is_not_the_head_of_another() -> None:
    network = chain(*[16] * 6)
    assert {name for name, _ in network.named_children()} >= {"1", "10"}
    pruned = prune(network, PICTURE, target="macs=0.3", keep=["1"])
    assert "10" in removed(pruned.report)


@pytest.mark.parametrize(
    ("kind", "count", "counts"),
    [
        ("channels", 20, [20, 16, 8]),
        ("units", 16, [16, 8]),
        ("channels", 6, [6, 5, 4, 3, 2, 1]),
        ("heads", 12, [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
    ],
)
def test_counts_that_a_width_may_have(kind: Any, count: int, counts: list[int]) -> None:
    """Multiples of eight; heads, and what is narrower than eight, by one."""
    assert allowed(Family(("layer",), kind, (tuple(range(count)),)), 8) == counts


def test_global_takes_what_matters_least_and_uniform_takes_from_all() -> None:
    """Half the units of the first width are nearly nothing; those of the second are all alike."""
    network = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4))
    with torch.no_grad():
        for layer in network[::2]:
            layer.weight.fill_(1.0)
        network[0].weight[:16], network[2].weight[:, :16] = 1e-3, 1e-3
    given = (torch.randn(1, 4),)
    least = prune(network, given, target="macs=0.6", scope="global").report
    alike = prune(network, given, target="macs=0.6", scope="uniform").report
    assert removed(least) == {"0": (32, 16)}
    assert removed(alike) == {"0": (32, 24), "2": (32, 24)}


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_groups_of_depthwise_layers_follow(kind: Any) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 32, 1), nn.ReLU(), kind(32, 32, 3, groups=32), nn.Conv2d(32, 4, 1))
    small = prune(network, PICTURE, target="macs=0.6").module[2]
    assert (small.groups, small.in_channels, small.out_channels) == (16, 16, 16)


def test_a_projection_of_an_lstm_follows() -> None:
    class Projected(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.lstm, self.decide = nn.LSTM(6, 32, proj_size=16, batch_first=True), nn.Linear(16, 3)

        def forward(self, x: Any) -> Any:
            return self.decide(self.lstm(x)[0])

    x = torch.randn(2, 5, 6)
    small = prune(Projected(), (x,), target="macs=0.5", scope="uniform").module
    assert small.lstm.proj_size == small.lstm.weight_hr_l0.shape[0] == small.decide.in_features == 8
    assert small(x).shape == (2, 5, 3)


class HeadsOfTheWidth(nn.Module):
    """Attention as it is often written: the size of a head is the width by the number of heads."""

    def __init__(self, apart: bool) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.h, self.apart, self.size, self.inner = 4, apart, 8, 32
        self.qkv, self.out, self.decide = nn.Linear(32, 96), nn.Linear(32, 32), nn.Linear(32, 3)

    def forward(self, x: Any) -> Any:
        batch, time, width = x.shape
        size = self.size if self.apart else width // self.h
        q, k, v = self.qkv(x).reshape(batch, time, 3, self.h, size).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        whole = mixed.reshape(batch, time, self.inner if self.apart else width)
        return self.decide((x + self.out(whole)).mean(1))


def test_what_keeps_heads_is_named_by_its_line_and_the_advice_helps() -> None:
    inputs = (torch.randn(2, 5, 32),)
    with pytest.raises(InputError, match="nothing can be removed") as caught:
        prune(HeadsOfTheWidth(False), inputs, target="macs=0.8")
    said = str(caught.value)
    assert "qkv: kept" in said
    assert "the size of a head and heads x size in attributes" in said
    assert "test_removal.py, line" in said
    assert "`q, k, v = self.qkv(x).reshape(batch, time, 3, self.h, size).permute(2, 0, 3, 1, 4)`" in said
    pruned = prune(HeadsOfTheWidth(True), inputs, target="macs=0.8")
    assert {each.kind for each in pruned.report.removed} == {"heads"}
