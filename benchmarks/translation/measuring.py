"""The trained network as bundles, float and int8 in both formats: BLEU, time of a step, with cache against without."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import edgemm
from benchmarks.translation.sentences import BEGIN, END, PAD, UNKNOWN, Pairs, pairs
from benchmarks.translation.training import encoded
from edgemm.card import TextRecipe
from edgemm.judge.translation import TranslationMetric
from edgemm.tasks.sequence import SequenceRecipe

SOURCE, WRITTEN = 64, 80
"""Tokens of a source, and positions of the cache."""
BEAMS = 4
CALIBRATION = 48
"""Sentences of the validation set that int8 is made with."""
COMPARED = 40
"""Sentences that are also written without a cache."""
FORMS = ("float.onnx", "int8.onnx", "int8.tflite")


def recipe(**changes: Any) -> SequenceRecipe:
    """How a sentence becomes ids, and what is written becomes a sentence."""
    source = TextRecipe(
        tokenizer="sentencepiece", vocabulary="tokens", pad=PAD, after=(END,), unknown=UNKNOWN
    )
    told: dict[str, Any] = {
        "source": source, "begin": (BEGIN,), "end": (END,), "suppressed": (PAD, UNKNOWN, BEGIN),
        "most_tokens": WRITTEN - 1, "beams": BEAMS,
    }  # fmt: skip
    return SequenceRecipe(**{**told, **changes})


def make_bundles(network: Any, folder: Path, data: Path, tokens: Any) -> dict[str, Path]:
    """Form -> its ZIP."""
    from translation_parts import decoder_samples, encoder_samples, export_parts, write_translation

    from edgemm.converters import convert

    encoder, decoder = export_parts(
        network, folder, source_length=SOURCE, target_length=WRITTEN, name="en-de"
    )
    known = pairs(data, "val")
    sources, targets = encoded(Pairs(known.english[:CALIBRATION], known.german[:CALIBRATION]), tokens)
    inputs = encoder_samples(sources, SOURCE, PAD)
    steps = list(decoder_samples(network, inputs, [[BEGIN, *ids] for ids in targets], WRITTEN))
    found = {}
    for form in FORMS:
        precision, _, suffix = form.partition(".")
        made = []
        for source, samples in ((encoder, inputs), (decoder, steps)):
            made.append(folder / f"{source.stem}.{form}")
            convert(
                source,
                output=made[-1],
                scheme="float" if precision == "float" else "dynamic",
                calibrate=samples,
            )
        found[form] = folder / f"en-de.{precision}.{suffix}.zip"
        vocabulary = {"tokens": (folder / "tokens.model").read_bytes()}
        write_translation(found[form], made[0], made[1], recipe(), vocabulary, name="en-de")
    return found


def translated(
    bundle: Path, tokens: Any, sentences: Sequence[str], **options: Any
) -> tuple[list[str], float]:
    """What the bundle writes, and milliseconds for each token (of all beams together), encoder and words counted in."""
    with edgemm.load_bundle(bundle, **options) as model:
        began = time.process_time()
        found = []
        for each in sentences:
            result = model(each)
            assert isinstance(result, edgemm.Written)
            found.append(result.text)
        took = time.process_time() - began
    steps = sum(len(tokens.encode(text)) + 1 for text in found)
    return found, 1000 * took / steps


def without_cache(network: Any, tokens: Any, sentences: Sequence[str]) -> list[str]:
    """Greedy, the whole network run over all that is written for each token, in torch."""
    import torch

    found = []
    with torch.no_grad():
        for sentence in sentences:
            ids = torch.tensor([[*tokens.encode(sentence), END]])
            written = [BEGIN]
            while len(written) < WRITTEN:
                scores = network(ids, torch.ones(ids.shape), torch.tensor([written]))[0, -1]
                scores[[PAD, UNKNOWN, BEGIN]] = -torch.inf
                written.append(int(scores.argmax()))
                if written[-1] == END:
                    break
            found.append(tokens.decode([each for each in written[1:] if each != END]))
    return found


def bleu(found: Sequence[str], right: Sequence[str]) -> float:
    """With tokens as mteval-v13a makes them; sacrebleu gives the same figures."""
    metric = TranslationMetric()
    for text, truth in zip(found, right, strict=True):
        metric.add(text, truth)
    return metric.value()


def differing(first: Sequence[str], second: Sequence[str]) -> int:
    """Sentences that are not alike."""
    return int(np.sum([a.split() != b.split() for a, b in zip(first, second, strict=True)]))
