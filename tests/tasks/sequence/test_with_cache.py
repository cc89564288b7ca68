"""What is written with a cache, in both runtimes, against torch's own layers run over the whole text each time."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from written_texts import (
    BEGIN,
    END,
    LETTERS,
    RECIPE,
    SOURCE,
    TARGET,
    WORDS,
    exported,
    session_of,
    small_network,
)

from edgemm.media import Text
from edgemm.results import Written
from edgemm.tasks.search import Beam, Rules
from edgemm.tasks.sequence import SequenceRecipe
from edgemm.tasks.sequence.session import SequenceSession

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from translation_network import Attention, Translation  # noqa: E402

from edgemm.converters import convert  # noqa: E402

TEXTS = ("a", "abc de", "jihgfedcba", "bbbbbbbbbbbb", "c d e f g h")


def _copy_attention(into: nn.MultiheadAttention, own: Attention) -> None:
    into.in_proj_weight.copy_(torch.cat([each.weight for each in (own.query, own.key, own.value)]))
    into.in_proj_bias.copy_(torch.cat([each.bias for each in (own.query, own.key, own.value)]))
    into.out_proj.load_state_dict(own.out.state_dict())


def _copy(into: Any, own: Any, names: dict[str, nn.Module]) -> None:
    for name, module in names.items():
        if isinstance(module, Attention):
            _copy_attention(getattr(into, name), module)
        else:
            getattr(into, name).load_state_dict(module.state_dict())
    into.linear1.load_state_dict(own.feed[0].state_dict())
    into.linear2.load_state_dict(own.feed[3].state_dict())


class Reference:
    """The same weights in torch's own encoder and decoder layers; the scores of a whole text at once."""

    def __init__(self, network: Translation) -> None:
        sizes = network.sizes
        shape = {"d_model": sizes.width, "nhead": sizes.heads, "dim_feedforward": sizes.hidden}
        how: Any = {"dropout": 0.0, "batch_first": True, "norm_first": True}
        self.network = network
        self.encoder = [nn.TransformerEncoderLayer(**shape, **how).eval() for _ in network.encoder]
        self.decoder = [nn.TransformerDecoderLayer(**shape, **how).eval() for _ in network.decoder]
        with torch.no_grad():
            for into, own in zip(self.encoder, network.encoder, strict=True):
                names = {
                    "self_attn": own.attention,
                    "norm1": own.before_attention,
                    "norm2": own.before_feed,
                }
                _copy(into, own, names)
            for into, own in zip(self.decoder, network.decoder, strict=True):
                names = {"self_attn": own.own, "multihead_attn": own.source, "norm1": own.before_own,
                         "norm2": own.before_source, "norm3": own.before_feed}  # fmt: skip
                _copy(into, own, names)

    def scores(self, text: str, tokens: tuple[int, ...]) -> Any:
        """float32[words] of what follows the tokens, the begin token first."""
        network = self.network
        with torch.no_grad():
            x = self._embedded(network.source_table, [LETTERS.index(each) for each in text])
            for layer in self.encoder:
                x = layer(x)
            x = network.after_encoder(x)
            y = self._embedded(network.target_table, list(tokens))
            later = nn.Transformer.generate_square_subsequent_mask(len(tokens))
            for layer in self.decoder:
                y = layer(y, x, tgt_mask=later, tgt_is_causal=True)
            return network.scores(network.after_decoder(y))[0, -1]

    def _embedded(self, table: nn.Embedding, ids: list[int]) -> Any:
        width = self.network.sizes.width
        rates = 10_000 ** (-torch.arange(0, width, 2) / width)
        angles = torch.arange(len(ids))[:, None] * rates
        waves = torch.cat((angles.sin(), angles.cos()), 1)
        return (table(torch.tensor(ids)) * sqrt(width) + waves)[None]


class Uncached:
    """A decoder that runs over everything again for each token."""

    def __init__(self, reference: Reference, text: str) -> None:
        self.reference, self.text = reference, text
        self.taken: tuple[int, ...] = ()

    def step(self, token: int) -> Any:
        self.taken = (*self.taken, token)
        return self.reference.scores(self.text, self.taken).numpy()

    def snapshot(self) -> tuple[int, ...]:
        return self.taken

    def restore(self, snapshot: tuple[int, ...]) -> None:
        self.taken = snapshot


@cache
def network() -> Translation:
    return small_network()


@cache
def reference() -> Reference:
    return Reference(network())


def greedily(text: str) -> str:
    taken = [BEGIN]
    while len(taken) <= TARGET:
        best = int(reference().scores(text, tuple(taken)).argmax())
        if best == END:
            break
        taken.append(best)
    return " ".join(WORDS[each] for each in taken[1:] if not WORDS[each].startswith("<"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Path]]:
    folder = tmp_path_factory.mktemp("parts")
    made = exported(network(), folder)
    grown = folder / "growing"
    grown.mkdir()
    found = {".onnx": made, ".growing.onnx": exported(network(), grown, growing=True)}
    for scheme, ending in (("float", ".tflite"), ("dynamic", ".int8.tflite"), ("dynamic", ".int8.onnx")):
        found[ending] = {role: path.with_suffix(ending) for role, path in made.items()}
        for role, path in made.items():
            convert(path, output=found[ending][role], scheme=scheme, gate="off")  # type: ignore[arg-type]
    return found


def recipe_for(ending: str) -> SequenceRecipe:
    """Where the files leave sizes open, the recipe says how many tokens there may be."""
    if ending != ".growing.onnx":
        return RECIPE
    return replace(RECIPE, source=replace(RECIPE.source, length=SOURCE), most_tokens=TARGET)


def text_of(text: str) -> Text:
    return Text(text, 0, 0)


def whole(session: SequenceSession, text: str) -> Written:
    return session.whole(text_of(text))


@pytest.mark.parametrize("ending", [".onnx", ".growing.onnx", ".tflite"])
def test_greedy_writes_what_torch_writes_without_a_cache(
    files: dict[str, dict[str, Path]], ending: str
) -> None:
    with session_of(files[ending], recipe_for(ending)) as session:
        assert [whole(session, text).text for text in TEXTS] == [greedily(text) for text in TEXTS]


@pytest.mark.parametrize("ending", [".onnx", ".growing.onnx", ".tflite"])
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_four_beams_write_what_they_write_without_a_cache(
    files: dict[str, dict[str, Path]], ending: str, penalty: float
) -> None:
    recipe = replace(recipe_for(ending), beams=4, n_best=4, length_penalty=penalty)
    with session_of(files[ending], recipe) as session:
        for text in TEXTS:
            search = Beam(
                Uncached(reference(), text), Rules((END,), TARGET), (BEGIN,), beams=4, length_penalty=penalty
            )
            while search.advance():
                pass
            expected = search.best(4)
            found = whole(session, text)
            texts = [(found.text, found.score), *((each.text, each.score) for each in found.alternatives)]
            for (written, score), each in zip(texts, expected, strict=True):
                assert written == " ".join(
                    WORDS[token] for token in each.tokens if not WORDS[token].startswith("<")
                )
                assert score == pytest.approx(each.confidence, rel=1e-4)  # float32 in other orders


@pytest.mark.parametrize("ending", [".int8.tflite", ".int8.onnx"])
def test_int8_writes_nearly_the_same(files: dict[str, dict[str, Path]], ending: str) -> None:
    """An untrained network is not sure of anything: its first word is compared, and how likely it is."""
    recipe = replace(RECIPE, most_tokens=1)
    with session_of(files[ending], recipe) as session:
        for text in TEXTS:
            chances = torch.softmax(reference().scores(text, (BEGIN,)), 0)
            found = whole(session, text)
            assert found.score == pytest.approx(float(chances.max()), abs=0.1)


@pytest.mark.parametrize("ending", [".onnx", ".growing.onnx"])
def test_a_text_that_goes_before_leaves_nothing_behind(
    files: dict[str, dict[str, Path]], ending: str
) -> None:
    recipe = replace(recipe_for(ending), beams=3)
    with session_of(files[ending], recipe) as session:
        alone = [whole(session, text) for text in TEXTS]
    with session_of(files[ending], recipe) as session:
        back = [whole(session, text) for text in reversed(TEXTS)]
    assert [(each.text, each.score) for each in alone] == [(each.text, each.score) for each in back[::-1]]


@pytest.mark.parametrize("options", [{}, {"learned_positions": True}, {"shared": False}])
def test_teacher_forcing_gives_the_scores_of_each_step(options: dict[str, Any]) -> None:
    made = small_network(5, **options)
    source = torch.tensor([[3, 4, 5, 0, 0], [1, 2, 3, 4, 5]])
    target = torch.tensor([[1, 7, 8, 9], [1, 4, 2, 0]])
    with torch.no_grad():
        together = made(source, (source != 0).float(), target)
        alone = made(source[:1, :3], torch.ones(1, 3), target[:1, :2])
    np.testing.assert_allclose(together[0, :2], alone[0], atol=1e-5)  # float32: sums of a few dozen


def test_training_and_evaluation_look_at_the_same() -> None:
    """The fused attention of training and the written out one agree."""
    made = small_network(6, dropout=0.0)
    source, target = torch.tensor([[3, 4, 5, 0]]), torch.tensor([[1, 7, 8]])
    with torch.no_grad():
        evaluated = made(source, (source != 0).float(), target)
        trained = made.train()(source, (source != 0).float(), target)
    np.testing.assert_allclose(trained, evaluated, atol=1e-5)  # float32
