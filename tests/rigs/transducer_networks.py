"""Seeded transducers with the caches of real ones: names, types and places of a streaming Zipformer (six for each
layer, `embed_states`, `processed_lens`) and of an LSTM. Each encoder has `chunk(frames, *states)`, which remembers, and
`whole(frames)`, which computes all rows of a recording at once, by masks and convolutions over all of it."""

from __future__ import annotations

import io
import warnings
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from needs import package

from edgemm.card import AudioRecipe
from edgemm.preprocess.logmel import logmel

BANDS, WIDTH, BLANK, CONTEXT = 8, 8, 0, 2
TOKENS = ("<blk>", "▁the", "▁a", "s", "t", "▁", "o", "n", "▁on", "e", "<unk>")
RATE, HOP = 8000, 32


def audio(**changes: Any) -> AudioRecipe:
    """How sound becomes frames here."""
    recipe = AudioRecipe(
        sample_rate=RATE,
        window=64,
        hop=HOP,
        n_fft=64,
        n_mels=BANDS,
        fmin=100.0,
        fmax=4000.0,
        mean=(-6.0,),
        std=(3.0,),
    )
    return replace(recipe, **changes)


Frames = npt.NDArray[np.float32]
"""[n, bands], that an encoder is made for."""


class Encoder(NamedTuple):
    """One kind."""

    module: Any
    """`forward(frames, *states)` -> (rows, *states)."""
    whole: Any
    """frames[1, n, bands] -> rows[1, m, width], as one computation."""
    frames: int
    """In one step of `module`, those ahead counted in."""
    chunk: int
    """Frames from one step to the next."""
    states: tuple[tuple[str, tuple[int, ...], str], ...]
    """Name, shape and type of each state input; its output is called new_ and the same."""


def zipformer(heard: Frames | None = None, layers: int = 5, seed: int = 3) -> Encoder:
    """Rows at half the rate, three of which are looked ahead, and attention over the chunk and 6 rows before it."""
    torch = package("torch")
    nn, functional = torch.nn, torch.nn.functional
    torch.manual_seed(seed)
    rows, left, ahead, keys, kernel = 4, 6, 3, 4, 7

    class Layer(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.query, self.key = nn.Linear(WIDTH, keys), nn.Linear(WIDTH, keys)
            self.nonlin, self.out = nn.Linear(WIDTH, 7), nn.Linear(7, WIDTH)
            self.value1, self.value2 = nn.Linear(WIDTH, 5), nn.Linear(WIDTH, 5)
            self.out1, self.out2 = nn.Linear(5, WIDTH), nn.Linear(5, WIDTH)
            self.conv1 = nn.Conv1d(WIDTH, WIDTH, kernel // 2 + 1, groups=WIDTH)
            self.conv2 = nn.Conv1d(WIDTH, WIDTH, kernel // 2 + 1, groups=WIDTH)

        def run(self, x: Any, mask: Any, past: Any) -> tuple[Any, list[Any]]:
            """x[n, 1, WIDTH]; mask[n, m]: which of past and present a row sees; past: six caches."""
            kept = []

            def behind(at: int, new: Any, axis: int) -> Any:
                seen = torch.cat([past[at], new], axis)
                length = past[at].shape[axis]
                kept.append(seen.narrow(axis, seen.shape[axis] - length, length))
                return seen

            key = behind(0, self.key(x), 0)
            scores = torch.einsum("ibk,jbk->bij", self.query(x), key) * 2.0
            weights = torch.softmax(scores.masked_fill(~mask, -1e4), -1)
            mixed = behind(1, torch.tanh(self.nonlin(x)).permute(1, 0, 2).unsqueeze(0), 2)
            x = x + self.out((weights @ mixed[0]).permute(1, 0, 2))
            for at, value, out in (
                (2, self.value1, self.out1),
                (3, self.value2, self.out2),
            ):
                seen = behind(at, value(x), 0)
                x = x + out((weights @ seen.permute(1, 0, 2)).permute(1, 0, 2))
            for at, conv in ((4, self.conv1), (5, self.conv2)):
                seen = behind(at, x.permute(1, 2, 0), 2)
                x = x + torch.tanh(conv(seen)).permute(2, 0, 1)
            return functional.layer_norm(x, (WIDTH,)), kept

    def caches() -> list[tuple[str, tuple[int, ...]]]:
        return [
            ("cached_key", (left, 1, keys)), ("cached_nonlin_attn", (1, 1, left, 7)),
            ("cached_val1", (left, 1, 5)), ("cached_val2", (left, 1, 5)),
            ("cached_conv1", (1, WIDTH, kernel // 2)), ("cached_conv2", (1, WIDTH, kernel // 2)),
        ]  # fmt: skip

    class Net(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.halve = nn.Conv1d(BANDS, WIDTH, 3, stride=2)
            self.look = nn.Conv1d(WIDTH, WIDTH, 2 * ahead + 1, groups=WIDTH)
            self.layers = nn.ModuleList([Layer() for _ in range(layers)])
            self.project = nn.Linear(WIDTH, WIDTH)

        def embedded(self, frames: Any) -> Any:
            return torch.tanh(self.halve(frames.transpose(1, 2)))  # [1, WIDTH, rows]

        def forward(self, x: Any, *states: Any) -> Any:
            *past, embed, done = states
            seen = torch.cat([embed[..., 0], self.embedded(x)], 2)
            y = self.look(seen).permute(2, 0, 1)
            new_embed = seen[:, :, rows : rows + ahead].unsqueeze(3)
            place = torch.arange(left + rows)
            known = place.unsqueeze(0) + done.unsqueeze(1) >= left  # no row before the first
            mask = known.expand(rows, left + rows)
            kept = []
            for at, layer in enumerate(self.layers):
                y, new = layer.run(y, mask, past[6 * at : 6 * at + 6])
                kept += new
            return (self.project(y).permute(1, 0, 2), *kept, new_embed, done + rows)

        def whole(self, frames: Any) -> Any:
            seen = functional.pad(self.embedded(frames), (ahead, 0))
            y = self.look(seen).permute(2, 0, 1)
            count = len(y) // rows * rows
            y = y[:count]
            at = torch.arange(count)
            chunk = (at // rows * rows).unsqueeze(1)
            mask = (at >= chunk - left) & (at < chunk + rows)
            nothing = [torch.zeros([0 if size == left else size for size in shape]) for _, shape in caches()]
            for layer in self.layers:
                y, _ = layer.run(y, mask, nothing)
            return self.project(y).permute(1, 0, 2)

    net = Net().eval()
    named = [(f"{name}_{at}", shape, "float32") for at in range(layers) for name, shape in caches()]
    states = (*named, ("embed_states", (1, WIDTH, ahead, 1), "float32"), ("processed_lens", (1,), "int64"))
    _spread(net, net.whole, heard)
    return Encoder(net, net.whole, 2 * (rows + ahead) + 1, 2 * rows, states)


def lstm(heard: Frames | None = None, seed: int = 5) -> Encoder:
    """A row for each four frames, five of which are looked ahead, and two layers that remember."""
    torch = package("torch")
    nn = torch.nn
    torch.manual_seed(seed)

    class Net(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv1d(BANDS, WIDTH, 3, stride=2)
            self.second = nn.Conv1d(WIDTH, WIDTH, 3, stride=2)
            self.lstm = nn.LSTM(WIDTH, WIDTH, 2, batch_first=True)
            self.project = nn.Linear(WIDTH, WIDTH)

        def forward(self, x: Any, state0: Any, state1: Any) -> Any:
            y = torch.tanh(self.second(torch.tanh(self.first(x.transpose(1, 2))))).transpose(1, 2)
            rows, (hidden, cell) = self.lstm(y, (state0, state1))
            return self.project(rows), hidden, cell

    net = Net().eval()
    shape = (2, 1, WIDTH)

    def whole(frames: Any) -> Any:
        return net(frames, torch.zeros(shape), torch.zeros(shape))[0]

    _spread(net, whole, heard)
    return Encoder(net, whole, 9, 4, (("state0", shape, "float32"), ("state1", shape, "float32")))


def _spread(net: Any, whole: Any, heard: Frames | None) -> None:
    """Makes the rows differ from each other, by the last layer: mean 0 and deviation 1 over a recording."""
    import torch

    frames = torch.from_numpy(logmel(melody(2.0, 99), audio()) if heard is None else heard)[None]
    with torch.no_grad():
        deviation, mean = torch.std_mean(whole(frames)[0], 0)
        net.project.weight.div_(deviation[:, None])
        net.project.bias.sub_(mean).div_(deviation)


def stateless(seed: int = 11) -> Any:
    """y[1, CONTEXT] -> [1, WIDTH]: an embedding and a convolution over the context."""
    torch = package("torch")
    nn = torch.nn
    torch.manual_seed(seed)

    class Net(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(len(TOKENS), WIDTH)
            self.conv = nn.Conv1d(WIDTH, WIDTH, CONTEXT, groups=WIDTH, bias=False)
            self.project = nn.Linear(WIDTH, WIDTH)

        def forward(self, y: Any) -> Any:
            seen = self.conv(self.table(y).transpose(1, 2))[:, :, 0]
            return self.project(torch.relu(seen))

    return Net().eval()


def recurrent(seed: int = 13) -> Any:
    """y[1, 1], state[1, 1, WIDTH] -> [1, 1, WIDTH] and the next state: an embedding and a GRU."""
    torch = package("torch")
    nn = torch.nn
    torch.manual_seed(seed)

    class Net(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(len(TOKENS), WIDTH)
            self.gru = nn.GRU(WIDTH, WIDTH, batch_first=True)

        def forward(self, y: Any, hidden: Any) -> Any:
            out, hidden = self.gru(self.table(y), hidden)
            return out, hidden

    return Net().eval()


def joiner(seed: int = 17, silence: float = 4.0) -> Any:
    """Rows of both -> a logit for each token."""
    torch = package("torch")
    nn = torch.nn
    torch.manual_seed(seed)

    class Net(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.output = nn.Linear(WIDTH, len(TOKENS))
            with torch.no_grad():
                self.output.weight.mul_(5.0)
                self.output.bias[BLANK] += silence

        def forward(self, encoder_out: Any, decoder_out: Any) -> Any:
            return self.output(torch.tanh(encoder_out + decoder_out))

    return Net().eval()


def tokens_txt() -> bytes:
    """As the recipes write it, with the marks for composing graphs that no network scores."""
    lines = [f"{symbol} {at}" for at, symbol in enumerate((*TOKENS, "#0", "#1"))]
    return ("\n".join(lines) + "\n").encode()


def melody(seconds: float, seed: int) -> npt.NDArray[np.float32]:
    """Tones that change every 20 to 80 ms, with pauses."""
    draw = np.random.default_rng(seed)
    parts: list[npt.NDArray[np.float64]] = []
    while sum(map(len, parts)) < seconds * RATE:
        time = np.arange(int(draw.integers(RATE // 50, RATE // 12))) / RATE
        loud = draw.choice([0.0, 0.02, 0.3, 0.8])
        parts.append(
            loud * np.sin(2 * np.pi * draw.uniform(100, 3600) * time) + draw.normal(0, 1e-3, len(time))
        )
    return np.concatenate(parts)[: int(seconds * RATE)].astype(np.float32)


Tensors = tuple[tuple[str, tuple[int, ...], str], ...]
"""Name, shape and type of each."""


def to_onnx(
    module: Any, inputs: Tensors, outputs: tuple[str, ...], open_axes: dict[str, dict[int, str]] | None = None
) -> Any:
    """An `onnx.ModelProto` with these names.

    Args:
        open_axes: name -> dimension -> its name, of what is left open; every other size is fixed.
    """
    torch, onnx = package("torch"), package("onnx")
    example = tuple(torch.zeros(shape, dtype=getattr(torch, dtype)) for _, shape, dtype in inputs)
    file = io.BytesIO()
    names = {"input_names": [name for name, *_ in inputs], "output_names": list(outputs)}
    there = {*names["input_names"], *outputs}
    axes = {name: each for name, each in (open_axes or {}).items() if name in there}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, example, file, dynamo=False, opset_version=17, dynamic_axes=axes, **names)
    return onnx.load_from_string(file.getvalue())
