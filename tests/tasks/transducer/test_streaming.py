"""The driver on seeded networks, converted to both formats: what a stream says is what torch says of the whole sound,
its encoder run once over all frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from needs import package
from transducer_networks import (
    BANDS,
    BLANK,
    CONTEXT,
    HOP,
    RATE,
    TOKENS,
    WIDTH,
    Encoder,
    Tensors,
    joiner,
    lstm,
    melody,
    recurrent,
    stateless,
    to_onnx,
    tokens_txt,
    zipformer,
)

import edgemm
from edgemm.card import AudioRecipe, ModelCard, StatePair
from edgemm.media import AudioBlock
from edgemm.preprocess.logmel import logmel
from edgemm.results import Transcript
from edgemm.session import NO_CLOCK, Emission, Gap
from edgemm.tasks.transducer.driver import TransducerDriver
from edgemm.tasks.transducer.recipe import TransducerRecipe

pytestmark = pytest.mark.slow


class Kind(NamedTuple):
    encoder: Callable[[], Encoder]
    decoder: Callable[[], Any]
    recipe: dict[str, Any]


KINDS = {
    "zipformer": Kind(zipformer, stateless, {}),
    "lstm": Kind(lstm, recurrent, {"context": 0, "per_step": 3}),
}


class Made(NamedTuple):
    """A transducer in torch, and its files."""

    kind: Kind
    encoder: Encoder
    decoder: Any
    joiner: Any
    files: dict[str, Path]

    def recipe(self, **changes: Any) -> TransducerRecipe:
        audio = AudioRecipe(
            sample_rate=RATE, window=64, hop=HOP, n_fft=64, n_mels=BANDS, fmin=100.0, fmax=4000.0, mean=(-6.0,),
            std=(3.0,), frames=self.encoder.frames, stride=self.encoder.chunk * HOP,
        )  # fmt: skip
        return TransducerRecipe(audio=audio, tail_s=0.1, **(self.kind.recipe | changes))

    def rows(self, samples: npt.NDArray[np.float32], recipe: TransducerRecipe) -> Any:
        """Of all the sound and the silence behind it, at once."""
        import torch

        span = ((self.encoder.frames - 1) * HOP + 64) / RATE
        silence = np.zeros(int(np.ceil((span + recipe.tail_s) * RATE)), np.float32)
        frames = logmel(np.concatenate([samples, silence]), recipe.audio)
        steps = (len(frames) - self.encoder.frames) // self.encoder.chunk + 1
        seen = frames[: (steps - 1) * self.encoder.chunk + self.encoder.frames]
        with torch.no_grad():
            return self.encoder.whole(torch.from_numpy(seen)[None])[0]

    def said(self, history: list[int]) -> Any:
        """The decoder's answer after these labels, from the first one on."""
        import torch

        with torch.no_grad():
            if self.kind.recipe.get("context") == 0:
                out, _ = self.decoder(torch.tensor([[BLANK, *history]]), torch.zeros(1, 1, WIDTH))
                return out[:, -1]
            return self.decoder(torch.tensor([([BLANK] * CONTEXT + history)[-CONTEXT:]]))

    def greedy(self, rows: Any) -> list[tuple[int, int]]:
        """(label, row) of all that is said."""
        import torch

        found: list[tuple[int, int]] = []
        with torch.no_grad():
            for at, row in enumerate(rows):
                for _ in range(self.kind.recipe.get("per_step", 1)):
                    said = self.said([label for label, _ in found])
                    label = int(self.joiner(row[None], said).argmax())
                    if label == BLANK:
                        break
                    found.append((label, at))
        return found


def convert(module: Any, inputs: Tensors, outputs: tuple[str, ...], path: Path) -> None:
    from edgemm.converters import convert

    source = path.with_name(f"{path.stem}-source.onnx")
    source.write_bytes(to_onnx(module, inputs, outputs).SerializeToString())
    names = {name for name, *_ in inputs}
    card = ModelCard(
        states=tuple(StatePair(each, each[4:]) for each in outputs if each[4:] in names and each[:4] == "new_")
    )
    convert(source, output=path, card=card, scheme="float")


@pytest.fixture(scope="module", params=[f"{kind}{suffix}" for kind in KINDS for suffix in (".onnx", ".tflite")])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    package("torch")
    kind_name, suffix = request.param.split(".")
    kind = KINDS[kind_name]
    encoder, decoder, joined = kind.encoder(), kind.decoder(), joiner()
    folder = tmp_path_factory.mktemp(kind_name)
    files = {role: folder / f"{role}.{suffix}" for role in TransducerDriver.roles}
    convert(
        encoder.module,
        (("x", (1, encoder.frames, BANDS), "float32"), *encoder.states),
        ("encoder_out", *(f"new_{name}" for name, *_ in encoder.states)),
        files["encoder"],
    )
    if kind_name == "lstm":
        inputs = (("y", (1, 1), "int64"), ("hidden", (1, 1, WIDTH), "float32"))
        convert(decoder, inputs, ("decoder_out", "new_hidden"), files["decoder"])
    else:
        convert(decoder, (("y", (1, CONTEXT), "int64"),), ("decoder_out",), files["decoder"])
    rows = tuple((name, (1, WIDTH), "float32") for name in ("encoder_out", "decoder_out"))
    convert(joined, rows, ("logit",), files["joiner"])
    return Made(kind, encoder, decoder, joined, files)


@pytest.fixture
def open_session(made: Made) -> Iterator[Callable[..., Any]]:
    models = {role: edgemm.load(path) for role, path in made.files.items()}

    def opened(**changes: Any) -> Any:
        parts = {role: model.part() for role, model in models.items()}
        return TransducerDriver().session(made.recipe(**changes), parts, {"tokens": tokens_txt()}, {})

    yield opened
    for model in models.values():
        model.close()


def blocks(samples: npt.NDArray[np.float32], seed: int, begin: int = 0) -> Iterator[AudioBlock]:
    """Of uneven sizes, as a microphone gives them."""
    draw = np.random.default_rng(seed)
    cuts = [0, *np.cumsum(draw.integers(1, 900, 200)).tolist()]
    for first, last in pairwise(each for each in (*cuts[cuts and 0 :], len(samples)) if each <= len(samples)):
        part = samples[first:last]
        if len(part):
            yield AudioBlock(part, RATE, (begin + first) * 1_000_000_000 // RATE, begin + first)


def heard(session: Any, samples: npt.NDArray[np.float32], seed: int) -> list[Emission]:
    found = [each for block in blocks(samples, seed) for each in session.feed(block, NO_CLOCK)]
    return found + list(session.finish(NO_CLOCK))


def spelt(labels: list[int]) -> str:
    """As a person reads the tokens."""
    silent = (BLANK, TOKENS.index("<unk>"))
    return " ".join("".join(TOKENS[each] for each in labels if each not in silent).replace("▁", " ").split())


@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_streamed_is_what_torch_says_of_the_whole(
    made: Made, open_session: Callable[..., Any], seed: int
) -> None:
    samples = melody(3.0, seed)
    session = open_session()
    expected = made.greedy(made.rows(samples, made.recipe()))
    labels = [label for label, _ in expected]
    assert len(set(labels)) > 3
    finals = [each.value for each in heard(session, samples, seed) if each.final]
    assert " ".join(each.text for each in finals) == spelt(labels)
