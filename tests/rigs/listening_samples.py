"""A seeded recogniser over samples as people export Moonshine with a cache of fixed length: sound of any length in, and
masks of the sound and of the cache; and torch's own loop over the same networks, without cache, padding or masks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from listening import BEGIN, END, LANGUAGE, ROOM, WIDTH, WORDS, Decoder, Samples, bundle
from needs import package
from network_file import save_module

from edgemm.card import InputCard, ModelCard, OutputCard, StatePair
from edgemm.tasks.attention.recipe import AttentionRecipe

torch = package("torch")
STRIDE = 800
"""Samples of a frame."""
RECIPE = AttentionRecipe(
    encoder_input="samples",
    encoder_mask="samples_mask",
    memory={"hidden": "hidden"},
    decoder_tokens="token",
    decoder_position="position",
    decoder_mask="hidden_mask",
    mask_counts="frames",
    cache_mask="cache_mask",
    prompt=(BEGIN, LANGUAGE),
    end=END,
    longest_text=2 * ROOM,
    endpoint_s=0.5,
    partial=False,
)


class Encoder(torch.nn.Module):  # type: ignore[misc,name-defined]
    def __init__(self) -> None:
        super().__init__()
        self.join = torch.nn.Conv1d(1, WIDTH, STRIDE, stride=STRIDE)

    def forward(self, samples: Any, mask: Any) -> Any:
        return torch.tanh(self.join((samples * mask)[:, None])).transpose(1, 2)


class MaskedDecoder(Decoder):
    """The same weights; what is masked is not attended to."""

    def __init__(self) -> None:
        super().__init__()
        self.widen: Any = torch.nn.Identity()

    def forward(  # type: ignore[override]
        self,
        token: Any,
        position: Any,
        hidden: Any,
        hidden_mask: Any,
        cache_mask: Any,
        keys: Any,
        values: Any,
    ) -> Any:
        at = self.table(token) + self.places(position)
        query, key, value = self.own(at).chunk(3, -1)
        here = (torch.arange(keys.shape[1]) == position).to(torch.float32).reshape(1, -1, 1)
        keys, values = keys * (1 - here) + key * here, values * (1 - here) + value * here
        mask = (1 - cache_mask[:, None]) * -1e4
        at = at + torch.softmax(query @ keys.transpose(1, 2) / 4 + mask, -1) @ values
        query = self.sound(at)[..., :WIDTH]
        _, key, value = self.sound(self.widen(hidden)).chunk(3, -1)
        heard = torch.softmax(query @ key.transpose(1, 2) + (1 - hidden_mask[:, None]) * -1e4, -1) @ value
        return self.scores(torch.tanh(at + heard)), keys, values


def networks(seed: int = 5) -> tuple[Encoder, MaskedDecoder]:
    """Untrained; their scores are far apart, so that no rounding changes what is written."""
    torch.manual_seed(seed)
    made = Encoder().eval(), MaskedDecoder().eval()
    with torch.no_grad():
        for weights in made[1].parameters():
            weights *= 3
        made[0].join.weight *= 12
    return made


def by_torch(samples: Samples, most: int, room: int = ROOM) -> str:
    """What the networks write of an utterance, at most so many tokens."""
    encoder, decoder = networks()
    tokens = [BEGIN, LANGUAGE]
    whole = torch.zeros(1, -(-len(samples) // STRIDE) * STRIDE)
    whole[0, : len(samples)] = torch.from_numpy(samples)
    with torch.no_grad():
        hidden = encoder(whole, torch.ones_like(whole))
        while len(tokens) < min(most + 2, room + 1):
            best = int(decoder.at_once(torch.tensor([tokens]), hidden).argmax())
            if best == END:
                break
            tokens.append(best)
    written = "".join(WORDS[each] for each in tokens if each not in (BEGIN, LANGUAGE))
    return " ".join(written.replace("▁", " ").split())


def decoder_file(path: Path, room: int = ROOM, frames: int = 0, width: int = WIDTH) -> Path:
    """With a cache of so many tokens; 0 frames: any number, each of so many numbers."""
    _, decoder = networks()
    if width != WIDTH:
        decoder.widen = torch.nn.Linear(width, WIDTH)
    count = frames or 7
    feeds = {
        "token": torch.zeros(1, 1, dtype=torch.int64), "position": torch.zeros(1, dtype=torch.int64),
        "hidden": torch.zeros(1, count, width), "hidden_mask": torch.ones(1, count),
        "cache_mask": torch.ones(1, room), "keys": torch.zeros(1, room, WIDTH),
        "values": torch.zeros(1, room, WIDTH),
    }  # fmt: skip
    outputs = ("logits", "new_keys", "new_values")
    states = (StatePair("new_keys", "keys"), StatePair("new_values", "values"))
    card = ModelCard(
        "decoder", inputs=tuple(map(InputCard, feeds)), outputs=tuple(map(OutputCard, outputs)), states=states
    )
    open_axes = {} if frames else {"hidden": {1: "frames"}, "hidden_mask": {1: "frames"}}
    save_module(decoder, feeds, list(outputs), path, card, open_axes)
    return path


def encoder_file(path: Path) -> Path:
    """For any number of samples."""
    encoder, _ = networks()
    feeds = {"samples": torch.zeros(1, 5 * STRIDE), "samples_mask": torch.ones(1, 5 * STRIDE)}
    card = ModelCard("encoder", inputs=tuple(map(InputCard, feeds)), outputs=(OutputCard("hidden"),))
    axes = {"samples": {1: "n"}, "samples_mask": {1: "n"}, "hidden": {1: "frames"}}
    save_module(encoder, feeds, ["hidden"], path, card, axes)
    return path


def write(folder: Path, recipe: AttentionRecipe = RECIPE, decoder: Path | None = None) -> Path:
    """A bundle whose files leave the length of the sound open."""
    parts = {
        "encoder": encoder_file(folder / "encoder.onnx"),
        "decoder": decoder or decoder_file(folder / "decoder.onnx"),
    }
    return bundle(parts, folder / "source.zip", recipe)


@contextmanager
def steps(made: Any) -> Iterator[tuple[Any, list[tuple[str, str]]]]:
    """A session, and a list of (role, signature) that its steps go to."""
    taken: list[tuple[str, str]] = []

    def around(role: str, part: Any) -> Any:
        class Noted:
            def step(self, feeds: Any, signature: str = "") -> Any:
                taken.append((role, signature))
                return part.step(feeds, signature)

            def __getattr__(self, name: str) -> Any:
                return getattr(part, name)

        return Noted()

    session = made.watched(around)
    yield session, taken
    session.close()


__all__ = ["WORDS", "by_torch", "networks", "steps", "write"]
