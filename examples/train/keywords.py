"""Trains the bundled keyword network: models/keywords.onnx, which finds spoken digits in running sound.

    git clone https://github.com/Jakobovski/free-spoken-digit-dataset
    python examples/train/synthetic_voices.py --output synthetic
    python examples/train/keywords.py --data free-spoken-digit-dataset/recordings --synthetic synthetic

Of six speakers two are held out for the test and one for validation; the others, and synthetic voices, train.
The keyword threshold is chosen on the validation speaker. Ten minutes on one core; the same seed on the same
machine gives the same file.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from keyword_network import centred, clip_windows, measured, network
from network_file import save_network
from sound_mixer import SoundMixer
from speakers import LABELS, Recording, SpeakerSplit, recordings_in, split_speakers
from torch import nn
from tqdm import tqdm
from word_stream import PAUSE_S, joined, listen, scores, shuffled, tuned

from edgemm import data
from edgemm.card import AudioRecipe, InputCard, KeywordRecipe, ModelCard, OutputCard
from edgemm.preprocess.logmel import logmel

BATCH = 96
REAL_WEIGHT = 2
"""How often a person's recording is drawn for one of a synthetic voice."""
LEARNING_RATE = 3e-3
STREAM_WORDS = 15
"""Of each digit, in the running sound that the threshold is chosen on."""


def accuracy(net: nn.Module, recordings: Sequence[Recording], recipe: AudioRecipe) -> float:
    """0..1: the best label of one centred window of each recording; "background" is a mistake."""
    windows, digits = clip_windows(recordings, recipe)
    with torch.no_grad():
        return float((net.eval()(windows).argmax(1) == digits).double().mean())


def train(split: SpeakerSplit, synthetic: Sequence[Recording], recipe: AudioRecipe, steps: int) -> nn.Module:
    """The network after `steps` batches; the validation speaker is watched, and chooses nothing here."""
    net = network()
    mixer = SoundMixer((*split.train * REAL_WEIGHT, *synthetic), recipe)
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, steps, pct_start=0.15)
    for step in (bar := tqdm(range(1, steps + 1), desc="keywords", unit="step")):
        net.train()
        windows, labels = mixer.draw(BATCH)
        loss = nn.functional.cross_entropy(net(windows), labels, label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 250 == 0 or step == steps:
            bar.set_postfix(validation=f"{accuracy(net, split.validation, recipe):.3f}")
    return net


def card(recipe: AudioRecipe) -> ModelCard:
    """What the file says about itself, before anything is measured."""
    shape = (1, 1, recipe.frames, recipe.n_mels)
    return ModelCard(
        name="keywords",
        licence="CC-BY-SA-4.0",
        task="keyword",
        family="CNN",
        inputs=(InputCard("sound", "audio", shape, "NCTF", audio=recipe),),
        outputs=(OutputCard("logits", (1, len(LABELS)), "logits"),),
        labels=LABELS,
        keyword=KeywordRecipe(refractory_s=0.8, background=(LABELS[-1],)),
    )


def evaluated(
    net: nn.Module, plain: ModelCard, split: SpeakerSplit, seed: int
) -> tuple[ModelCard, dict[str, Any]]:
    """The card with its keyword recipe, and what was measured."""
    recipe = plain.inputs[0].audio or AudioRecipe()
    sound, spoken = joined(shuffled(split.validation, STREAM_WORDS, seed), seed)
    keyword, validation = tuned(scores(net, sound, recipe), plain, spoken)
    ready = plain.with_(keyword=keyword)
    sound, spoken = joined(shuffled(split.test, STREAM_WORDS, seed), seed)
    test = listen(scores(net, sound, recipe), ready, spoken)
    words = [(label, samples) for label, samples, _ in data.spoken_digits()]
    clips = torch.stack([torch.from_numpy(logmel(centred(samples), recipe)) for _, samples in words])
    with torch.no_grad():
        right = int((net.eval()(clips.unsqueeze(1)).argmax(1) == torch.arange(len(words))).sum())
    sound, spoken = joined(words, seed, PAUSE_S)
    bundled = listen(scores(net, sound, recipe), ready, spoken)
    return ready, {
        "validation_accuracy": round(accuracy(net, split.validation, recipe), 4),
        "test_accuracy": round(accuracy(net, split.test, recipe), 4),
        "validation_stream": validation.text(),
        "test_stream": test.text(),
        "bundled_recordings": f"{right} of {len(words)} right as clips; as a stream {bundled.text()}",
    }


def main() -> None:
    """Reads, trains, chooses the threshold, measures, writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of DIGIT_SPEAKER_NUMBER.wav")
    parser.add_argument("--synthetic", type=Path, help="folder of the same kind: more voices to train with")
    parser.add_argument("--output", type=Path, default=Path("keywords.onnx"), help="file to write")
    parser.add_argument("--seed", type=int, default=1, help="of the weights and of what is drawn")
    parser.add_argument("--steps", type=int, default=4000, help=f"batches of {BATCH} windows")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    split = split_speakers(options.data)
    synthetic = recordings_in(options.synthetic) if options.synthetic else ()
    print(split.text(), f"; {len(synthetic)} synthetic recordings train too")
    recipe = measured(split.train)
    net = train(split, synthetic, recipe, options.steps)
    ready, found = evaluated(net, card(recipe), split, options.seed)
    training = {
        "data": "Free Spoken Digit Dataset (Zohar Jackson and others, CC-BY-SA-4.0)",
        "synthetic_recordings": len(synthetic),
        "split": split.text(),
        "seed": options.seed,
        "steps": options.steps,
        **found,
    }
    example = torch.zeros(ready.inputs[0].shape)
    size = save_network(net, example, options.output, ready.with_(extra={"training": training}))
    print(f"{options.output}: {size:,} bytes; {ready.keyword}")
    print("\n".join(f"{name}: {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
