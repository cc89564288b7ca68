"""The bundle of Moonshine tiny, out of the shared models: an encoder and a decoder that are only run."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from edgemm.artifact.bundle import write_bundle
from edgemm.card import InputCard, ModelCard, OutputCard, StateKind, StatePair
from edgemm.card.bundle_card import BundleAsset, BundleCard, BundlePart
from edgemm.card.presets import preset
from edgemm.tasks.attention import AttentionRecipe

ENCODER, DECODER, TOKENS = (
    f"models/speech/moonshine_tiny_en_{name}" for name in ("encoder.ort", "decoder.ort.gz", "tokenizer.bin")
)
VOICE = "models/silero_vad_16k_op15.onnx"
NEEDED = (ENCODER, DECODER, TOKENS, VOICE)
LAYERS = 6
RECIPE = AttentionRecipe(
    encoder_mask="attention_mask",
    decoder_mask="encoder_attention_mask",
    mask_counts="samples",
    decoder_cached="use_cache_branch",
    prompt=(1,),
    end=2,
    vocabulary="lengths",
    tokens_per_s=6.5,
    most_repeats=4,
)


_KINDS: tuple[tuple[str, StateKind], ...] = (("decoder", "grow"), ("encoder", "first-run"))


def states() -> tuple[StatePair, ...]:
    """Keys and values of what was written grow; those of the sound are given by the first step of an utterance."""
    return tuple(
        StatePair(f"present.{tail}", f"past_key_values.{tail}", kind)
        for layer in range(LAYERS)
        for of, kind in _KINDS
        for what in ("key", "value")
        for tail in (f"{layer}.{of}.{what}",)
    )


def write_moonshine(shared: Path, output: Path, *, voice_activity: bool = False) -> Path:
    """Writes the bundle.

    Args:
        shared: the folder of shared models.
        output: ends in .zip.
        voice_activity: with Silero's network, which says where somebody speaks.
    """
    decoder = ModelCard(
        "moonshine decoder",
        states=states(),
        inputs=tuple(InputCard(each.input) for each in states()),
        outputs=(OutputCard("logits"),),
    )
    parts = {
        "encoder": BundlePart("encoder.ort", card=ModelCard("moonshine encoder", licence="MIT")),
        "decoder": BundlePart("decoder.ort", card=decoder),
    }
    files: dict[str, Any] = {
        "encoder.ort": shared / ENCODER,
        "decoder.ort": gzip.decompress((shared / DECODER).read_bytes()),
        "tokenizer.bin": shared / TOKENS,
    }
    if voice_activity:
        parts["voice_activity"] = BundlePart("silero.onnx", card=preset("silero-vad"))
        files["silero.onnx"] = shared / VOICE
    card = BundleCard(
        name="moonshine-tiny-en",
        licence="MIT",
        driver="attention",
        recipe=RECIPE,
        parts=parts,
        assets={"tokens": BundleAsset("tokenizer.bin")},
    )
    write_bundle(card, output, files=files).close()
    return output
