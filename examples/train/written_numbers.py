"""Trains the bundled network that writes numbers, times and dates as English words, and makes its int8 bundles.

    python examples/train/written_numbers.py --output edgemm/data/models/written_numbers

Its examples are made as it goes (`spelled_out.py`), so that nothing is downloaded; the strings that it is tested on are
none that it was trained on. Writes OUTPUT.tflite.zip and OUTPUT.onnx.zip, int8, with the share of the test strings that
each writes without a mistake. Six minutes on one core; a training that was stopped goes on where it was
(--checkpoint). The same seed on the same machine gives the same files.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from spelled_out import ACCEPTED, ACCEPTS, Pair, draw, words
from torch.nn import functional as F
from translation_network import Sizes, Translation
from translation_parts import decoder_samples, encoder_samples, export_parts, write_translation

from edgemm.card import TextRecipe
from edgemm.quantize.training import Batch, Settings
from edgemm.quantize.training import train as fit
from edgemm.tasks.sequence import SequenceRecipe

PAD, BEGIN, END = 0, 1, 2
CHARACTERS = ("<pad>", *"0123456789/:,.-% dhnrst")
WORDS = ("<pad>", "<begin>", "<end>", *words())
SOURCE, TARGET = 20, 20
"""Characters and words: the longest have 17 and 15."""
SIZES = Sizes(
    source_words=len(CHARACTERS), target_words=len(WORDS), width=64, heads=4, hidden=128, encoder_layers=2,
    decoder_layers=2, longest=SOURCE, dropout=0.0,
)  # fmt: skip
BATCH, LEARNING_RATE = 192, 3e-3
TEST, TEST_SEED, KNOWN = 1000, 10_007, 48
"""Strings that are measured on, and those that int8 is calibrated on."""
SHORT = 4
"""Characters: shorter strings, of which there are few, are all learned, and none is measured on."""
RECIPE = SequenceRecipe(
    source=TextRecipe(tokenizer="characters", vocabulary="characters", pad=PAD, too_long="refuse"),
    target=TextRecipe(tokenizer="words", vocabulary="words"),
    accepts=ACCEPTS,
    accepted=ACCEPTED,
    begin=(BEGIN,),
    end=(END,),
    suppressed=(PAD, BEGIN),
)


def source_ids(text: str) -> list[int]:
    """Of its characters."""
    return [CHARACTERS.index(each) for each in text]


def target_ids(text: str) -> list[int]:
    """Of its words, the begin token before and the end token behind them."""
    return [BEGIN, *map(WORDS.index, text.split()), END]


def drawn(seed: Sequence[int], count: int, without: frozenset[str] = frozenset()) -> list[Pair]:
    """So many strings, none of `without`."""
    rng, found = np.random.default_rng(seed), list[Pair]()
    while len(found) < count:
        pair = draw(rng)
        if pair[0] not in without:
            found.append(pair)
    return found


def held_out() -> list[Pair]:
    """The test's, each once."""
    found = dict(drawn((TEST_SEED,), 2 * TEST))
    return [pair for pair in found.items() if len(pair[0]) >= SHORT][:TEST]


def batch(pairs: Sequence[Pair]) -> Batch:
    """Filled up, for teacher forcing."""
    sources = [source_ids(text) for text, _ in pairs]
    targets = [target_ids(text) for _, text in pairs]
    source, target = _filled(sources), _filled(targets)
    return Batch((source, (source != PAD).float(), target[:, :-1]), (target[:, 1:],))


def _filled(rows: Sequence[Sequence[int]]) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows])


def loss(found: torch.Tensor, targets: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Cross entropy of each word."""
    return F.cross_entropy(found.flatten(0, 1), targets[0].flatten(), ignore_index=PAD)


def train(steps: int, seed: int, checkpoint: Path | None) -> Translation:
    """The network after so many batches."""
    tested = frozenset(text for text, _ in held_out())

    def batches(_epoch: int) -> Iterator[Batch]:
        for step in range(steps):
            yield batch(drawn((seed, step), BATCH, tested))

    torch.manual_seed(seed)
    network = Translation(SIZES)
    settings = Settings(
        epochs=1, steps_per_epoch=steps, optimizer="adamw", learning_rate=LEARNING_RATE, weight_decay=0.01,
        schedule="one_cycle", warm_up=0.1, clip_norm=1.0, seed=seed,
    )  # fmt: skip
    fit(network, batches, loss=loss, settings=settings, checkpoint=checkpoint)
    network.eval()
    return network


def written(network: Translation, texts: Sequence[str]) -> list[str]:
    """Greedy, without a cache: the whole network again for each word."""
    source = _filled([source_ids(text) for text in texts])
    target = torch.full((len(texts), 1), BEGIN)
    with torch.no_grad():
        for _ in range(TARGET):
            scores = network(source, (source != PAD).float(), target)[:, -1]
            scores[:, [PAD, BEGIN]] = -torch.inf
            target = torch.cat((target, scores.argmax(1, keepdim=True)), dim=1)
    found = [row[1:].tolist() for row in target]
    return [" ".join(WORDS[each] for each in row[: row.index(END)] if each) for row in found]


def convert_all(network: Translation, output: Path, seed: int, training: dict[str, Any]) -> list[Path]:
    """The two bundles."""
    from edgemm.converters import convert

    known = drawn((seed, TEST_SEED), KNOWN)
    sources = encoder_samples([source_ids(text) for text, _ in known], SOURCE)
    targets = list(decoder_samples(network, sources, [target_ids(text)[:-1] for _, text in known], TARGET))
    vocabularies = {"characters": "\n".join(CHARACTERS).encode(), "words": "\n".join(WORDS).encode()}
    bundles = []
    with tempfile.TemporaryDirectory() as folder:
        parts = export_parts(
            network, Path(folder), source_length=SOURCE, target_length=TARGET, name="written_numbers"
        )
        for ending in (".tflite", ".onnx"):
            files = [part.with_suffix(f".int8{ending}") for part in parts]
            for part, file, samples in zip(parts, files, (sources, targets), strict=True):
                convert(part, output=file, calibrate=samples, scheme="dynamic")
            bundles.append(output.with_name(f"{output.name}{ending}.zip"))
            write_translation(
                bundles[-1], files[0], files[1], RECIPE, vocabularies, name="written_numbers",
                licence="Apache-2.0", goldens=dict(held_out()[:4]), extra={"x-training": training},
            )  # fmt: skip
    return bundles


def main() -> None:
    """Trains, converts, measures."""
    import edgemm

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("written_numbers"), help="bundles to write")
    parser.add_argument("--checkpoint", type=Path, help="file in which the training's state is kept")
    parser.add_argument("--seed", type=int, default=1, help="of the weights and of what is drawn")
    parser.add_argument("--steps", type=int, default=4000, help=f"batches of {BATCH} strings")
    options = parser.parse_args()
    torch.set_num_threads(1)
    began = time.monotonic()
    network = train(options.steps, options.seed, options.checkpoint)
    test = held_out()
    found = written(network, [text for text, _ in test])
    right = sum(each == expected for each, (_, expected) in zip(found, test, strict=True))
    print(f"float, torch: {right} of {len(test)} right, trained in {time.monotonic() - began:.0f} s")
    training = {"seed": options.seed, "steps": options.steps, "test_strings": len(test), "float_right": right}
    for path in convert_all(network, options.output, options.seed, training):
        with edgemm.load(path) as model:
            right = sum(model(text).to_json()["text"] == expected for text, expected in test)
        print(f"{path}: {right} of {len(test)} right, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
