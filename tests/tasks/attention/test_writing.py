"""What a decoder is given of an utterance: filled up, masked, and from the begin on each time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edgemm.session import Cancellation
from edgemm.tasks.attention.recipe import AttentionRecipe
from edgemm.tasks.attention.sound import EncoderInput
from edgemm.tasks.attention.writing import Writer
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
COUNT, WIDTH = 6, 2
RECIPE = AttentionRecipe(
    sample_rate=1000, encoder_input="samples", encoder_mask="heard", memory={"hidden": "hidden"},
    decoder_mask="mask", decoder_tokens="token", prompt=(1,), end=2, longest_text=5,
)  # fmt: skip


def spec(name: str, *shape: int, dtype: str = "float32") -> TensorSpec:
    return TensorSpec(name, shape, dtype)


class Part:
    """Gives ones, and notes what happens to it."""

    signatures = ("",)

    def __init__(self, inputs: tuple[TensorSpec, ...], output: TensorSpec) -> None:
        self.inputs, self.outputs = inputs, (output,)
        self.done: list[tuple[str, Any]] = []

    def specs(self, signature: str = "") -> Any:
        return self.inputs, self.outputs

    def step(self, feeds: Any, signature: str = "") -> Outputs:
        self.done.append(("step", {name: np.array(each) for name, each in feeds.items()}))
        (output,) = self.outputs
        return Outputs.of(self.outputs, {output.name: np.ones(output.shape, np.float32)})

    def hold(self, feeds: Any) -> None:
        self.done.append(("hold", dict(feeds)))

    def reset(self) -> None:
        self.done.append(("reset", None))


def parts(samples: int, counted: int) -> tuple[Any, Any]:
    encoder = Part((spec("samples", 1, samples), spec("heard", 1, samples)), spec("hidden", 1, 4, WIDTH))
    decoder = Part(
        (spec("token", 1, 1, dtype="int64"), spec("hidden", 1, 4, WIDTH), spec("mask", 1, counted)),
        spec("logits", 1, 1, COUNT),
    )
    return encoder, decoder


@pytest.mark.parametrize(
    ("counts", "counted", "given", "filled"),
    [
        ("samples", 2000, 1500, 1500),
        ("samples", 2000, 100, 500),  # half a second at least
        ("samples", 2000, 2000, 2000),
        ("frames", 4, 1500, 3),
        ("frames", 4, 1501, 4),
        ("frames", 4, 2000, 4),
    ],
)
def test_what_an_encoder_of_fixed_length_is_filled_up_with_is_not_attended_to(
    counts: Any, counted: int, given: int, filled: int
) -> None:
    encoder, decoder = parts(2000, counted)
    Writer(replace(RECIPE, mask_counts=counts), encoder, decoder, COUNT, Cancellation()).write(
        np.full(given, 0.5, np.float32)
    )
    ((_, fed),) = encoder.done
    assert fed["samples"][0, :given].tolist() == [0.5] * given
    assert not fed["samples"][0, given:].any()
    assert fed["heard"].sum() == max(given, 500)
    (held,) = [what for name, what in decoder.done if name == "hold"]
    assert held["mask"].tolist() == [[1] * filled + [0] * (counted - filled)]


def test_each_utterance_is_written_by_a_decoder_that_knows_nothing() -> None:
    encoder, decoder = parts(2000, 2000)
    writer = Writer(RECIPE, encoder, decoder, COUNT, Cancellation())
    for _ in range(2):
        writer.write(np.zeros(1000, np.float32))
    names = [name for name, _ in decoder.done]
    assert names[:2] == ["reset", "hold"]
    assert names.count("reset") == 2
    assert names[names.index("reset", 1) + 1] == "hold"


@pytest.mark.parametrize(("samples", "length"), [(100, 500), (500, 500), (777, 777)])
def test_an_encoder_of_any_length_is_given_half_a_second_at_least(samples: int, length: int) -> None:
    sound = EncoderInput(RECIPE, (spec("samples", 1, -1), spec("heard", 1, -1)))
    feeds, given = sound(np.ones(samples, np.float32))
    assert (given, feeds["samples"].shape, feeds["heard"].sum()) == (length, (1, length), length)
    assert sound.most == np.inf


def test_no_more_is_filled_up_than_an_encoder_takes() -> None:
    sound = EncoderInput(RECIPE, (spec("samples", 1, 400), spec("heard", 1, 400)))
    feeds, given = sound(np.ones(100, np.float32))
    assert (given, feeds["samples"].shape, sound.most) == (400, (1, 400), 400)
