"""Any card that makes sense comes back as it was written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edgemm.card import AudioRecipe, HistoryStep, ImageRecipe, InputCard, ModelCard, OutputCard, StatePair
from edgemm.errors import ArtifactError
from edgemm.tasks.keyword import KeywordRecipe

pytest.importorskip("hypothesis")
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.device


@pytest.fixture(autouse=True)
def _runtimes() -> None:
    """A card needs no runtime."""


text = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=12)
number = st.floats(-1e6, 1e6)
deviation = st.floats(1e-6, 1e6)
shape = st.lists(st.integers(1, 64), max_size=4).map(tuple)
json_value: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | number | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
extra = st.dictionaries(text.map(lambda key: f"x-{key}"), json_value, max_size=2)


@st.composite
def image_recipes(draw: Any) -> ImageRecipe:
    channels = draw(st.sampled_from((1, 3)))
    scaling = st.lists(deviation, min_size=channels, max_size=channels).map(tuple)
    return ImageRecipe(
        color="gray" if channels == 1 else draw(st.sampled_from(("rgb", "bgr"))),
        resize=draw(st.sampled_from(("stretch", "letterbox", "center-crop", "none"))),
        pad_value=draw(st.integers(0, 255)),
        scale=draw(deviation),
        mean=draw(scaling),
        std=draw(scaling),
        extra=draw(extra),
    )


@st.composite
def audio_recipes(draw: Any) -> AudioRecipe:
    n_fft = draw(st.integers(2, 4096))
    window = draw(st.integers(1, n_fft))
    bands = draw(st.integers(1, 64))
    feature = draw(st.sampled_from(("waveform", "logmel", "microfrontend")))
    means = 1 if feature == "waveform" else bands
    return AudioRecipe(
        sample_rate=draw(st.integers(1, 200_000)),
        n_fft=n_fft,
        window=window,
        hop=draw(st.integers(1, window)),
        n_mels=bands,
        frames=draw(st.integers(0, 200)),
        version=2,
        feature=feature,
        gain=draw(deviation),
        remove_dc=draw(st.booleans()),
        preemphasis=draw(st.floats(0, 1)),
        padding=draw(st.sampled_from(("none", "reflect", "constant"))),
        log=draw(st.sampled_from(("offset", "floor", "db"))),
        db_range=draw(st.floats(0, 1000)),
        lead=draw(st.integers(0, 1000)),
        mean=draw(st.lists(number, min_size=means, max_size=means).map(tuple)),
        extra=draw(extra),
    )


cards = st.builds(
    ModelCard,
    name=text,
    version=text,
    licence=text,
    payload_sha256=st.sampled_from(("", "0" * 64)),
    task=st.just("keyword"),
    inputs=st.lists(
        st.builds(
            InputCard,
            name=text,
            shape=shape,
            layout=text,
            image=st.none() | image_recipes(),
            audio=st.none() | audio_recipes(),
            value=st.none() | number,
            extra=extra,
        ),
        max_size=2,
    ).map(tuple),
    outputs=st.lists(st.builds(OutputCard, name=text, shape=shape, extra=extra), max_size=2).map(tuple),
    labels=st.lists(text, max_size=5).map(tuple),
    recipe=st.none()
    | st.builds(
        KeywordRecipe,
        threshold=st.floats(0, 1),
        smooth_windows=st.integers(1, 512),
        refractory_s=st.floats(0, 10),
        warmup_windows=st.integers(0, 100),
        background=st.lists(text, max_size=2).map(tuple),
        extra=extra,
    ),
    history=st.lists(
        st.builds(HistoryStep, text, st.just({"macs": 0.5}), st.just("a" * 64), extra), max_size=2
    ).map(tuple),
    states=st.lists(
        st.builds(
            StatePair,
            text,
            text,
            st.sampled_from(("replace", "grow", "first-run")),
            st.none() | st.integers(0, 7),
            extra,
        ),
        max_size=2,
    ).map(tuple),
    quantization=extra,
    fidelity=extra,
    source_sha256=st.sampled_from(("", "f" * 64)),
    extra=extra,
)


@settings(deadline=None, max_examples=60)
@given(cards)
def test_a_card_comes_back_as_it_was_written(card: ModelCard) -> None:
    written = card.to_json()
    read = ModelCard.from_json(written)
    assert read == card
    assert read.to_json() == written


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(st.sampled_from([*ModelCard.__dataclass_fields__, "schema"]), json_value, max_size=4))
def test_any_json_object_is_a_card_or_a_clear_error(content: dict[str, Any]) -> None:
    try:
        card = ModelCard.from_json(json.dumps(content))
    except ArtifactError:
        return
    assert ModelCard.from_json(card.to_json()) == card
