"""A driver over three parts, an encoder with two caches, a decoder and a joiner, on seeded networks: what its stream
says word by word is what the same networks say of the whole sound at once, computed by torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from needs import package

import edgemm
from edgemm.card import InputCard, ModelCard, OutputCard, StatePair
from edgemm.media import AudioBlock, Captured
from edgemm.results import Transcript
from edgemm.session import Cancellation, Emission, Gap, Session, StageClock
from edgemm.stream.stream import Stream

if TYPE_CHECKING:
    from edgemm.model.part import Part

CHUNK, WIDTH, VOCABULARY, BLANK, RATE = 4, 12, 9, 0, 800
PER_FRAME = 3
"""Most words that one frame may give."""


def networks() -> tuple[Any, Any, Any]:
    """Encoder (a causal convolution with a cache, then a GRU), decoder (an embedding and a GRU), joiner."""
    torch = package("torch")
    nn = torch.nn
    torch.manual_seed(7)

    class Encoder(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.mix = nn.Conv1d(CHUNK, WIDTH, 3)
            self.gru = nn.GRU(WIDTH, WIDTH, batch_first=True)

        def forward(self, frame: Any, past: Any, hidden: Any) -> Any:
            seen = torch.cat([past, frame], 1)
            mixed = self.mix(seen.transpose(1, 2)).transpose(1, 2)
            out, hidden = self.gru(torch.tanh(mixed), hidden)
            return {"out": out, "past_out": seen[:, -2:], "hidden_out": hidden}

    class Predictor(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Linear(VOCABULARY, WIDTH)
            self.gru = nn.GRU(WIDTH, WIDTH, batch_first=True)

        def forward(self, word: Any, hidden: Any) -> Any:
            out, hidden = self.gru(self.table(word), hidden)
            return {"out": out, "hidden_out": hidden}

    class Joiner(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(WIDTH, VOCABULARY)

        def forward(self, heard: Any, said: Any) -> Any:
            return {"scores": self.last(torch.tanh(heard + said)) * 6.0}

    made = (Encoder().eval(), Predictor().eval(), Joiner().eval())
    with torch.no_grad():
        for module in made:
            for weights in module.parameters():
                weights.mul_(4.0)  # so that the words differ
    return made


SHAPES: Mapping[str, tuple[tuple[str, tuple[int, ...]], ...]] = {
    "encoder": (("frame", (1, 1, CHUNK)), ("past", (1, 2, CHUNK)), ("hidden", (1, 1, WIDTH))),
    "decoder": (("word", (1, 1, VOCABULARY)), ("hidden", (1, 1, WIDTH))),
    "joiner": (("heard", (1, 1, WIDTH)), ("said", (1, 1, WIDTH))),
}
OUTPUTS = {
    "encoder": ("out", "past_out", "hidden_out"),
    "decoder": ("out", "hidden_out"),
    "joiner": ("scores",),
}


def one_hot(word: int) -> npt.NDArray[np.float32]:
    return np.asarray(np.eye(VOCABULARY)[word].reshape(1, 1, VOCABULARY), np.float32)


class Transducer:
    """A greedy streaming transducer: see `edgemm.tasks.driver.Driver`."""

    name = "greedy"
    roles = ("encoder", "decoder", "joiner")

    def session(self, recipe: Any, parts: Mapping[str, Part], assets: Any, options: Any) -> Session:
        return TransducerSession(parts)


class TransducerSession:
    modality: Literal["image", "audio", "text"] = "audio"

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self.encoder, self.decoder, self.joiner = (parts[role] for role in Transducer.roles)
        self.cancelled = Cancellation()
        self.rest: npt.NDArray[np.float32]
        self.said: npt.NDArray[np.float32]
        self.reset()

    def feed(self, item: Captured, clock: StageClock) -> Iterator[Emission]:
        assert isinstance(item, AudioBlock)
        self.cancelled.renew()
        self.rest = np.concatenate([self.rest, item.samples])
        while len(self.rest) >= CHUNK and not self.cancelled:
            frame, self.rest = self.rest[:CHUNK], self.rest[CHUNK:]
            clock.start("infer")
            heard = self.encoder.step({"frame": frame.reshape(1, 1, CHUNK)}).real("out")
            found = self._words(heard)
            clock.stop()
            if found:
                yield Emission(Transcript(" ".join(map(str, found))), item.captured_ns, item.captured_ns)

    def _words(self, heard: npt.NDArray[np.float32]) -> list[int]:
        found: list[int] = []
        while len(found) < PER_FRAME:
            scores = self.joiner.step({"heard": heard, "said": self.said}).real("scores")
            word = int(scores.argmax())
            if word == BLANK:
                break
            found.append(word)
            self.said = self.decoder.step({"word": one_hot(word)}).real("out").copy()
        return found

    def gap(self, gap: Gap, clock: StageClock) -> Iterable[Emission]:
        self.reset()
        return ()

    def finish(self, clock: StageClock) -> Iterable[Emission]:
        return ()

    def cancel(self) -> None:
        self.cancelled.cancel()

    def reset(self) -> None:
        for part in (self.encoder, self.decoder, self.joiner):
            part.reset()
        self.rest = np.empty(0, np.float32)
        self.said = self.decoder.step({"word": one_hot(BLANK)}).real("out").copy()

    def close(self) -> None:
        for part in (self.encoder, self.decoder, self.joiner):
            part.close()


class Blocks:
    """Sound in blocks of uneven length, as a microphone gives it."""

    uri, live = "blocks", False
    modality: Literal["image", "audio", "text"] = "audio"

    def __init__(self, samples: npt.NDArray[np.float32], sizes: list[int]) -> None:
        cuts = np.split(samples, np.cumsum(sizes)[:-1])
        self.blocks = [AudioBlock(each, RATE, at, 0) for at, each in enumerate(cuts) if len(each)]

    def read(self, timeout_s: float | None = None) -> AudioBlock | None:
        return self.blocks.pop(0) if self.blocks else None

    def close(self) -> None: ...
    def __enter__(self) -> Any: ...
    def __exit__(self, *error: object) -> None: ...


def whole(modules: tuple[Any, Any, Any], samples: npt.NDArray[np.float32]) -> list[int]:
    """The same greedy words, of the whole sound at once: the encoder runs once over all frames."""
    import torch

    encoder, decoder, joiner = modules
    with torch.no_grad():
        frames = torch.from_numpy(samples[: len(samples) // CHUNK * CHUNK]).reshape(1, -1, CHUNK)
        heard = encoder(frames, torch.zeros(1, 2, CHUNK), torch.zeros(1, 1, WIDTH))["out"]
        said, hidden = decoder(torch.from_numpy(one_hot(BLANK)), torch.zeros(1, 1, WIDTH)).values()
        words: list[int] = []
        for at in range(heard.shape[1]):
            for _ in range(PER_FRAME):
                word = int(joiner(heard[:, at : at + 1], said)["scores"].argmax())
                if word == BLANK:
                    break
                words.append(word)
                said, hidden = decoder(torch.from_numpy(one_hot(word)), hidden).values()
    return words


@pytest.fixture(scope="module")
def modules() -> tuple[Any, Any, Any]:
    return networks()


@pytest.fixture(scope="module", params=[".onnx", ".tflite"])
def files(
    request: pytest.FixtureRequest, modules: tuple[Any, Any, Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    import torch

    from edgemm.converters import convert

    made = {}
    for role, module in zip(Transducer.roles, modules, strict=True):
        inputs = SHAPES[role]
        states = tuple(StatePair(f"{name}_out", name) for name, _ in inputs if f"{name}_out" in OUTPUTS[role])
        card = ModelCard(
            inputs=tuple(InputCard(name, "tensor", shape) for name, shape in inputs),
            outputs=tuple(OutputCard(name) for name in OUTPUTS[role]),
            states=states,
        )
        made[role] = tmp_path_factory.mktemp(role) / f"{role}{request.param}"
        example = tuple(torch.zeros(shape) for _, shape in inputs)
        convert(module, example_inputs=example, output=made[role], card=card, scheme="float")
    return made


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_is_streamed_is_what_torch_says_of_the_whole(
    files: dict[str, Path], modules: tuple[Any, Any, Any], seed: int
) -> None:
    draw = np.random.default_rng(seed)
    samples = draw.normal(0, 1, 60 * CHUNK).astype(np.float32)
    sizes = [*draw.integers(1, 15, 40).tolist(), 999]
    expected = whole(modules, samples)
    assert len(set(expected)) > 3  # it says something
    assert len(expected) < 60 * PER_FRAME  # and blanks
    models = {role: edgemm.load(path) for role, path in files.items()}
    parts = {role: model.part() for role, model in models.items()}
    session = Transducer().session(None, parts, {}, {})
    with Stream(session, Blocks(samples, sizes)) as stream:
        said = [int(word) for item in stream for word in item.value.text.split()]  # type: ignore[attr-defined]
    for model in models.values():
        model.close()
    assert said == expected


@pytest.mark.slow
def test_a_part_goes_back_to_a_snapshot(files: dict[str, Path]) -> None:
    with edgemm.load(files["decoder"]) as model:
        part = model.part()
        part.step({"word": one_hot(3)})
        before = part.snapshot()
        once = part.step({"word": one_hot(5)}).real("out").copy()
        part.step({"word": one_hot(1)})
        part.restore(before)
        np.testing.assert_array_equal(part.step({"word": one_hot(5)}).real("out"), once)
        part.reset()
        assert not np.array_equal(part.step({"word": one_hot(5)}).real("out"), once)
        part.close()


@pytest.mark.slow
def test_what_is_held_need_not_be_fed(files: dict[str, Path]) -> None:
    heard, said = (np.full((1, 1, WIDTH), value, np.float32) for value in (0.3, -0.7))
    with edgemm.load(files["joiner"]) as model:
        part, other = model.part(), model.part()
        expected = part.step({"heard": heard, "said": said}).real("scores").copy()
        part.hold({"heard": heard})
        other.step({"heard": said, "said": said})  # of the same model
        np.testing.assert_array_equal(part.step({"said": said}).real("scores"), expected)
        with pytest.raises(edgemm.InputError, match=r"inputs: expected said \(held: heard\); found"):
            part.step({"heard": heard, "said": said})
        with pytest.raises(edgemm.InputError, match="hold: expected some of heard, said; found 'x'"):
            part.hold({"x": said})
        with pytest.raises(edgemm.InputError, match="states: expected some of none; found x"):
            part.reset(["x"])


@pytest.mark.slow
def test_what_a_part_cannot_do_is_said(files: dict[str, Path]) -> None:
    with edgemm.load(files["decoder"]) as model, edgemm.load(files["joiner"]) as other:
        part = model.part()
        for wrong in (np.zeros(1), None, ["word"]):
            with pytest.raises(edgemm.InputError, match="expected a mapping, name -> array"):
                part.step(wrong)  # type: ignore[arg-type]
        with pytest.raises(edgemm.InputError, match="output: expected one of out; found 'nope'"):
            part.step({"word": one_hot(1)}).real("nope")
        with pytest.raises(
            edgemm.InputError, match=r"snapshot: expected the states hidden .* of this model, found none"
        ):
            part.restore(other.part().snapshot())
        part.close()
        for use in (part.snapshot, part.reset, lambda: part.hold({"word": one_hot(1)})):
            with pytest.raises(edgemm.InputError, match="the part is closed"):
                use()
