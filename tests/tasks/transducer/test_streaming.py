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
    audio,
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
from edgemm.artifact.bundle import write_bundle
from edgemm.card import ModelCard, StatePair
from edgemm.card.bundle_card import BundleAsset, BundleCard, BundlePart
from edgemm.errors import CardError
from edgemm.media import AudioBlock
from edgemm.preprocess.logmel import logmel
from edgemm.results import Transcript
from edgemm.session import NO_CLOCK, Emission, Gap
from edgemm.tasks.transcription.hot_words import HotWords
from edgemm.tasks.transcription.spelling import Spelling
from edgemm.tasks.transducer.driver import TransducerDriver
from edgemm.tasks.transducer.networks import Said
from edgemm.tasks.transducer.recipe import TransducerRecipe
from edgemm.tasks.transducer.search import Beam

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
        sound = audio(frames=self.encoder.frames, stride=self.encoder.chunk * HOP)
        return TransducerRecipe(audio=sound, tail_s=0.1, ignored=("<unk>",), **(self.kind.recipe | changes))

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

    @property
    def step_s(self) -> float:
        """Seconds from one row to the next."""
        rows = self.encoder.module(*self.example())[0].shape[1]
        return self.encoder.chunk * HOP / RATE / int(rows)

    def example(self) -> list[Any]:
        """Inputs of the encoder, all zero."""
        import torch

        states = [torch.zeros(shape, dtype=getattr(torch, dtype)) for _, shape, dtype in self.encoder.states]
        return [torch.zeros(1, self.encoder.frames, BANDS), *states]

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
        states=tuple(
            StatePair(each, each[4:]) for each in outputs if each[4:] in names and each[:4] == "new_"
        )
    )
    convert(source, output=path, card=card, scheme="float")


@pytest.fixture(
    scope="module", params=[f"{kind}{suffix}" for kind in KINDS for suffix in (".onnx", ".tflite")]
)
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
    for first, last in pairwise(each for each in (*cuts, len(samples)) if each <= len(samples)):
        part = samples[first:last]
        if len(part):
            yield AudioBlock(part, RATE, (begin + first) * 1_000_000_000 // RATE, begin + first)


def heard(session: Any, samples: npt.NDArray[np.float32], seed: int) -> list[Emission]:
    found = [each for block in blocks(samples, seed) for each in session.feed(block, NO_CLOCK)]
    return found + list(session.finish(NO_CLOCK))


def words_of(
    labels: list[tuple[int, int]], step_s: float, begin_s: float = 0.0
) -> list[tuple[str, float, float]]:
    """Word, begin and end, as a person reads the tokens."""
    found: list[tuple[str, float, float]] = []
    fresh = True
    for label, row in labels:
        text = TOKENS[label]
        if text == "<unk>":
            continue
        begin, end = begin_s + row * step_s, begin_s + (row + 1) * step_s
        if text.startswith("▁"):
            fresh = True
        written = text.removeprefix("▁")
        if fresh:
            found.append((written, begin, end))
            fresh = False
        elif written:
            word, first, _ = found[-1]
            found[-1] = (word + written, first if word else begin, end)
    return [each for each in found if each[0]]


def told(emissions: list[Emission]) -> list[tuple[str, float, float]]:
    finals = [each.value for each in emissions if each.final]
    assert all(isinstance(each, Transcript) for each in finals)
    return [(word.text, word.begin_s, word.end_s) for each in finals for word in each.words]  # type: ignore[attr-defined]


def texts(words: list[tuple[str, float, float]]) -> str:
    return " ".join(text for text, *_ in words)


@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_streamed_is_what_torch_says_of_the_whole(
    made: Made, open_session: Callable[..., Any], seed: int
) -> None:
    samples, recipe = melody(3.0, seed), made.recipe()
    session = open_session(endpoint_by="labels")
    rows = made.rows(samples, recipe)
    said = made.greedy(rows)
    assert len({label for label, _ in said}) > 3
    expected = words_of(said, made.step_s)
    emissions = heard(session, samples, seed)
    assert texts(told(emissions)) == texts(expected)
    np.testing.assert_allclose(
        [each[1:] for each in told(emissions)], [each[1:] for each in expected], atol=1e-3
    )
    whole = session.whole(AudioBlock(samples, RATE, 0, 0))
    assert whole.text == texts(expected)
    session.close()


def test_words_end_with_the_sound_that_goes_on(made: Made, open_session: Callable[..., Any]) -> None:
    samples = np.concatenate([np.zeros(RATE // 10, np.float32), melody(1.5, 0)])
    by_label, by_sound = (
        told(heard(open_session(endpoint_by=by, endpoint_s=0.0), samples, 3)) for by in ("labels", "sound")
    )
    assert [each[:2] for each in by_sound] == [each[:2] for each in by_label]
    later = [sound[2] - label[2] for sound, label in zip(by_sound, by_label, strict=True)]
    assert min(later) >= 0
    assert max(later) > 0.02
    limits = [max(label[2], behind[1]) for label, behind in pairwise(by_label)]
    assert all(word[2] <= limit + 1e-3 for word, limit in zip(by_sound, limits, strict=False))
    session = open_session(endpoint_by="sound", endpoint_s=0.0)
    words = session.whole(AudioBlock(samples, RATE, 0, 0)).words
    assert [(each.text, each.begin_s, each.end_s) for each in words] == by_sound


def test_partial_results_grow_to_the_final_one(made: Made, open_session: Callable[..., Any]) -> None:
    samples = melody(1.5, 2)
    emissions = heard(open_session(endpoint_s=0.0), samples, 3)
    partial, final = emissions[:-1], emissions[-1]
    assert len(partial) > 3
    assert final.final
    assert not any(each.final for each in partial)
    assert partial[-1].value.text == final.value.text  # type: ignore[attr-defined]
    end_ns = len(samples) * 1_000_000_000 // RATE
    assert all(0 < each.newest_ns <= end_ns for each in emissions)
    assert [each.newest_ns for each in emissions] == sorted(each.newest_ns for each in emissions)
    assert heard(open_session(partial=False, endpoint_s=0.0), samples, 3)[0].value.text == final.value.text  # type: ignore[attr-defined]


def test_nothing_is_lost_before_a_gap_and_nothing_remembered_behind_it(
    made: Made, open_session: Callable[..., Any]
) -> None:
    first, second, recipe = melody(1.3, 4), melody(1.1, 5), made.recipe()
    session = open_session()
    begin = len(first) + 5000
    found = [each for block in blocks(first, 1) for each in session.feed(block, NO_CLOCK)]
    found += list(session.gap(Gap(5000), NO_CLOCK))
    found += [each for block in blocks(second, 2, begin) for each in session.feed(block, NO_CLOCK)]
    found += list(session.finish(NO_CLOCK))
    expected = words_of(made.greedy(made.rows(first, recipe)), made.step_s)
    expected += words_of(made.greedy(made.rows(second, recipe)), made.step_s, begin / RATE)
    assert texts(told(found)) == texts(expected)
    np.testing.assert_allclose([each[1] for each in told(found)], [each[1] for each in expected], atol=1e-3)


def test_a_beam_follows_several_texts_through_the_same_networks(
    made: Made, open_session: Callable[..., Any]
) -> None:
    samples, recipe = melody(0.7, 6), made.recipe(per_step=1)
    rows = made.rows(samples, recipe).numpy()

    class Torch:
        """Predictor and joiner of the search, by torch and from the whole history each time."""

        def begin(self) -> Said:
            return self.of(())

        def after(self, said: Said, label: int) -> Said:
            return self.of((*said.state, label))

        def of(self, history: tuple[int, ...]) -> Said:
            return Said(history, made.said(list(history)))

        def __call__(self, row: Any, said: Any) -> Any:
            import torch

            with torch.no_grad():
                return torch.log_softmax(made.joiner(torch.from_numpy(row)[None], said)[0], 0).numpy()

    spelling = Spelling(TOKENS, recipe)
    torch_networks: Any = Torch()
    search = Beam(torch_networks, torch_networks, BLANK, 4, spelling, HotWords(recipe, spelling))
    for at, row in enumerate(rows):
        search.push(row, at)
    expected = words_of([(each.label, each.step) for each in search.best(final=True)], made.step_s)
    changes = {"search": "beam", "beam": 4, "per_step": 1, "endpoint_s": 0.0}
    assert texts(told(heard(open_session(**changes), samples, 1))) == texts(expected)
    assert len(expected) > 2


def test_cancelling_ends_after_the_step_under_way(made: Made, open_session: Callable[..., Any]) -> None:
    session = open_session(endpoint_s=0.0)
    samples = melody(3.0, 0)
    running = session.feed(AudioBlock(samples, RATE, 0, 0), NO_CLOCK)
    next(running)
    session.cancel()
    assert list(running) == []
    more = list(session.feed(AudioBlock(samples, RATE, 0, len(samples)), NO_CLOCK))
    assert len(more) > 3


def test_a_bundle_of_the_three_loads_and_streams(made: Made, tmp_path: Path) -> None:
    files: dict[str, bytes | Path] = {path.name: path for path in made.files.values()}
    card = BundleCard(
        driver="transducer",
        parts={role: BundlePart(path.name) for role, path in made.files.items()},
        assets={"tokens": BundleAsset("tokens.txt")},
        recipe=made.recipe(),
    )
    write_bundle(card, tmp_path / "x.zip", files=files | {"tokens.txt": tokens_txt()}).close()
    samples = melody(1.0, 7)
    with edgemm.load(tmp_path / "x.zip") as bundle:
        found = bundle(samples, sample_rate=RATE)
    assert isinstance(found, Transcript)
    assert found.text == texts(words_of(made.greedy(made.rows(samples, made.recipe())), made.step_s))
    assert found.text


@pytest.mark.parametrize(
    ("role", "changes", "message"),
    [
        ("tokens", {}, "joiner output 'logit': expected a score for each of the 12 tokens, found shape"),
        (
            "",
            {"context": 5},
            "decoder input 'y': expected 5 numbers of labels, as `context` 5 says, found int",
        ),
        (
            "",
            {"encoder_input": "frames"},
            "encoder_input: expected one of x, .*; found 'frames'",
        ),
        ("", {"blank": 40}, "blank: expected 0 to 10"),
    ],
)
def test_networks_tokens_and_settings_that_do_not_fit_are_refused(
    made: Made, role: str, changes: dict[str, Any], message: str
) -> None:
    models = {name: edgemm.load(path) for name, path in made.files.items()}
    tokens = b"".join(f"{at}x {at}\n".encode() for at in range(12)) if role else tokens_txt()
    parts = {name: model.part() for name, model in models.items()}
    with pytest.raises(CardError, match=message):
        TransducerDriver().session(made.recipe(**changes), parts, {"tokens": tokens}, {})
    for model in models.values():
        model.close()
