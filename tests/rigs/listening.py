"""A seeded encoder and decoder over sound, as parts of a bundle, and torch's own loop over the same networks.

What they write means nothing. The reference has no cache: it attends over all tokens anew for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from needs import package
from network_file import save_module

import edgemm
from edgemm.artifact.bundle import write_bundle
from edgemm.card import AudioRecipe, InputCard, ModelCard, OutputCard, StatePair
from edgemm.card.bundle_card import BundleAsset, BundleCard, BundlePart
from edgemm.media import AudioBlock
from edgemm.tasks.attention.driver import AttentionDriver
from edgemm.tasks.attention.recipe import AttentionRecipe
from edgemm.tasks.attention.session import AttentionSession
from edgemm.tasks.attention.sound import WindowOfFrames

torch = package("torch")

Samples = npt.NDArray[np.float32]
RATE, WINDOW_S, BANDS, FRAMES, WIDTH, ROOM = 16000, 2, 8, 200, 16, 24
BEGIN, LANGUAGE, END = 1, 3, 2
WORDS = ("<pad>", "<begin>", "<end>", "<one>", "<two>", *(f"▁{a}{b}" for a in "bdgkl" for b in "aeiou"))
AUDIO = AudioRecipe(
    version=2, window=400, hop=160, n_fft=400, n_mels=BANDS, fmin=0.0, fmax=8000.0, mel_scale="slaney",
    samples=WINDOW_S * RATE, frames=FRAMES, padding="reflect", log="db", log_offset=1e-10, db_range=80.0,
    mean=(-40.0,), std=(40.0,),
)  # fmt: skip
RECIPE = AttentionRecipe(
    audio=AUDIO,
    encoder_input="mel",
    memory={"hidden": "hidden"},
    decoder_tokens="token",
    decoder_position="position",
    prompt=(BEGIN, LANGUAGE),
    end=END,
    languages={"one": LANGUAGE, "two": LANGUAGE + 1},
    longest_text=ROOM,
    longest_s=2.0,
    endpoint_s=0.5,
    partial_s=0.5,
)


class Encoder(torch.nn.Module):  # type: ignore[misc,name-defined]
    def __init__(self) -> None:
        super().__init__()
        self.join = torch.nn.Conv1d(BANDS, WIDTH, 3, stride=2, padding=1)

    def forward(self, mel: Any) -> Any:
        return torch.tanh(self.join(mel)).transpose(1, 2)


class Decoder(torch.nn.Module):  # type: ignore[misc,name-defined]
    """One layer: attention to the tokens before, then to the sound."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(len(WORDS), WIDTH)
        self.places = torch.nn.Embedding(ROOM, WIDTH)
        self.own, self.sound = (torch.nn.Linear(WIDTH, 3 * WIDTH) for _ in range(2))
        self.scores = torch.nn.Linear(WIDTH, len(WORDS))

    def forward(self, token: Any, position: Any, hidden: Any, keys: Any, values: Any) -> Any:
        at = self.table(token) + self.places(position)
        query, key, value = self.own(at).chunk(3, -1)
        here = (torch.arange(ROOM) == position).to(torch.float32).reshape(1, ROOM, 1)
        keys, values = keys * (1 - here) + key * here, values * (1 - here) + value * here
        mask = torch.where(torch.arange(ROOM) <= position, 0.0, -1e9).reshape(1, 1, ROOM)
        at = at + torch.softmax(query @ keys.transpose(1, 2) / 4 + mask, -1) @ values
        return self._heard(at, hidden), keys, values

    def _heard(self, at: Any, hidden: Any) -> Any:
        query = self.sound(at)[..., :WIDTH]
        _, key, value = self.sound(hidden).chunk(3, -1)
        return self.scores(torch.tanh(at + torch.softmax(query @ key.transpose(1, 2), -1) @ value))

    def at_once(self, tokens: Any, hidden: Any) -> Any:
        """Scores behind the last of all tokens, without a cache."""
        at = self.table(tokens) + self.places(torch.arange(tokens.shape[1]))[None]
        query, key, value = self.own(at).chunk(3, -1)
        later = torch.ones(tokens.shape[1], tokens.shape[1]).triu(1) * -1e9
        at = at + torch.softmax(query @ key.transpose(1, 2) / 4 + later, -1) @ value
        return self._heard(at, hidden)[0, -1]


def networks(seed: int = 5) -> tuple[Encoder, Decoder]:
    """Untrained; their scores are far apart, so that no rounding changes what is written."""
    torch.manual_seed(seed)
    made = Encoder().eval(), Decoder().eval()
    with torch.no_grad():
        for module in made:
            for weights in module.parameters():
                weights *= 3
    return made


def written(
    encoder: Encoder, decoder: Decoder, samples: Samples, prompt: Sequence[int], most: int
) -> list[int]:
    """Torch's greedy loop."""
    with torch.no_grad():
        hidden = encoder(torch.from_numpy(WindowOfFrames(AUDIO)(samples).T[None].copy()))
        tokens = list(prompt)
        while len(tokens) < most + len(prompt):
            best = int(decoder.at_once(torch.tensor([tokens]), hidden).argmax())
            if best == END:
                break
            tokens.append(best)
    return tokens[len(prompt) :]


def spelled(tokens: Sequence[int]) -> str:
    return "".join(WORDS[each] for each in tokens if each > LANGUAGE).replace("▁", " ").strip()


def files(folder: Path) -> dict[str, Path]:
    """Role -> .onnx file."""
    encoder, decoder = networks()
    paths = {role: folder / f"{role}.onnx" for role in ("encoder", "decoder")}
    save_module(
        encoder, {"mel": torch.zeros(1, BANDS, FRAMES)}, ["hidden"], paths["encoder"],
        ModelCard("encoder", inputs=(InputCard("mel"),), outputs=(OutputCard("hidden"),)),
    )  # fmt: skip
    feeds = {
        "token": torch.zeros(1, 1, dtype=torch.int64), "position": torch.zeros(1, dtype=torch.int64),
        "hidden": torch.zeros(1, FRAMES // 2, WIDTH), "keys": torch.zeros(1, ROOM, WIDTH),
        "values": torch.zeros(1, ROOM, WIDTH),
    }  # fmt: skip
    states = (StatePair("new_keys", "keys"), StatePair("new_values", "values"))
    save_module(
        decoder, feeds, ["logits", "new_keys", "new_values"], paths["decoder"],
        ModelCard("decoder", inputs=tuple(map(InputCard, feeds)),
                  outputs=tuple(map(OutputCard, ("logits", "new_keys", "new_values"))), states=states),
    )  # fmt: skip
    return paths


def tokens_file() -> bytes:
    return "\n".join(WORDS).encode()


def bundle(parts: dict[str, Path], path: Path, recipe: AttentionRecipe = RECIPE) -> Path:
    card = BundleCard(
        name="listening", driver="attention", recipe=recipe,
        parts={role: BundlePart(each.name) for role, each in parts.items()},
        assets={"tokens": BundleAsset("tokens.txt")},
    )  # fmt: skip
    write_bundle(
        card, path, files={**{each.name: each for each in parts.values()}, "tokens.txt": tokens_file()}
    ).close()
    return path


@contextmanager
def session_of(parts: dict[str, Path], recipe: AttentionRecipe = RECIPE) -> Iterator[AttentionSession]:
    with edgemm.load(parts["encoder"]) as encoder, edgemm.load(parts["decoder"]) as decoder:
        made = {"encoder": encoder.part(), "decoder": decoder.part()}
        session = AttentionDriver().session(recipe, made, {"tokens": tokens_file()}, {})
        yield session
        session.close()


def sound(length_s: float, *spoken_s: tuple[float, float], seed: int = 0) -> Samples:
    """Faint noise, and loud noise that changes its colour where something is "spoken"."""
    rng = np.random.default_rng(seed)
    samples = rng.standard_normal(round(length_s * RATE)) * 1e-3
    for begin_s, end_s in spoken_s:
        at = np.arange(round(begin_s * RATE), round(end_s * RATE))
        samples[at] += 0.2 * np.sin(at * at * 1e-5 * rng.uniform(0.2, 1)) * (0.6 + 0.4 * np.sin(at / 900))
    return samples.astype(np.float32)


def blocks(samples: Samples, length: int = 1600, begin_ns: int = 0, rate: int = RATE) -> list[AudioBlock]:
    return [
        AudioBlock(samples[at : at + length], rate, begin_ns + round(at * 1e9 / rate), at)
        for at in range(0, len(samples), length)
    ]
