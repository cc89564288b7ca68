"""Trains the bundled keyword network: models/keywords.onnx, which finds spoken digits in running sound.

    git clone https://github.com/Jakobovski/free-spoken-digit-dataset
    python examples/train/synthetic_voices.py --output synthetic
    python examples/train/keywords.py --data free-spoken-digit-dataset/recordings --synthetic synthetic

Of six speakers two are held out for the test. Of the other four one is held out first, and the keyword threshold
is chosen on it; then the same training, with all four and with synthetic voices, makes the final network.
Background is silence, noise and words cut at the window's edges. Other words are not taught: in running speech
the network finds digits that nobody said, about one in two seconds.
Ten minutes on one core; the same seed on the same machine gives the same file. The bundled file was trained with
other draws of the same mixture.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from keyword_network import centred, clip_windows, measured, network
from network_file import save_network
from sound_mixer import SoundMixer
from speakers import LABELS, Recording, SpeakerSplit, recordings_in, split_speakers
from torch import nn
from word_stream import Heard, joined, listen, scores, shuffled, tuned

from edgemm import data
from edgemm.card import AudioRecipe, InputCard, ModelCard, OutputCard
from edgemm.preprocess.logmel import logmel
from edgemm.quantize.training import Batch, Settings
from edgemm.quantize.training import train as fit
from edgemm.tasks.keyword import KeywordRecipe

BATCH = 96
PEOPLE_WEIGHT, FLITE_WEIGHT = 2, 4
"""How often recordings of people, and of the voices made from recorded people, count for one of the others."""
LEARNING_RATE = 3e-3
STREAM_WORDS = 15
"""Of each digit, in the running sound that the threshold is chosen on."""


def accuracy(net: nn.Module, recordings: Sequence[Recording], recipe: AudioRecipe) -> float:
    """0..1: the best label of one centred window of each recording; "background" is a mistake."""
    windows, digits = clip_windows(recordings, recipe)
    with torch.no_grad():
        return float((net.eval()(windows).argmax(1) == digits).double().mean())


def voices(people: tuple[Recording, ...], synthetic: tuple[Recording, ...]) -> tuple[Recording, ...]:
    """All that train, those that sound like people several times."""
    flite = tuple(recording for recording in synthetic if recording.speaker.startswith("flite"))
    return (*people * PEOPLE_WEIGHT, *flite * FLITE_WEIGHT, *synthetic)


def train(
    recordings: Sequence[Recording], recipe: AudioRecipe, steps: int, seed: int, name: str
) -> nn.Module:
    """The network after `steps` batches of windows made from the recordings."""
    print(name)
    torch.manual_seed(seed)
    net = network()
    mixer = SoundMixer(recordings, recipe)

    def batches(_epoch: int) -> Iterator[Batch]:
        while True:
            windows, labels = mixer.draw(BATCH)
            yield Batch((windows,), labels)

    settings = Settings(
        epochs=1, steps_per_epoch=steps, optimizer="adamw", learning_rate=LEARNING_RATE, weight_decay=0.02,
        schedule="one_cycle", warm_up=0.15, seed=seed,
    )  # fmt: skip
    fit(net, batches, loss=nn.CrossEntropyLoss(label_smoothing=0.05), settings=settings)
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
        recipe=KeywordRecipe(refractory_s=0.8, background=(LABELS[-1],)),
    )


def heard(net: nn.Module, ready: ModelCard, recordings: Sequence[Recording], seed: int) -> Heard:
    """How well the words of some recordings are found in running sound."""
    sound, spoken = joined(shuffled(recordings, STREAM_WORDS, seed), seed)
    return listen(scores(net, sound, ready.inputs[0].audio or AudioRecipe()), ready, spoken)


def bundled(net: nn.Module, ready: ModelCard, seed: int) -> str:
    """How the bundled recordings, of yet another speaker, are understood."""
    recipe = ready.inputs[0].audio or AudioRecipe()
    words = [(label, samples) for label, samples, _ in data.spoken_digits()]
    clips = torch.stack([torch.from_numpy(logmel(centred(samples), recipe)) for _, samples in words])
    with torch.no_grad():
        right = int((net.eval()(clips.unsqueeze(1)).argmax(1) == torch.arange(len(words))).sum())
    sound, spoken = joined(words, seed)
    found = listen(scores(net, sound, recipe), ready, spoken)
    return f"{right} of {len(words)} right as clips; as a stream {found.text()}"


def chosen(
    split: SpeakerSplit, synthetic: tuple[Recording, ...], recipe: AudioRecipe, steps: int, seed: int
) -> tuple[ModelCard, dict[str, Any]]:
    """The card with the keyword recipe that suits a speaker held out from training, and what was measured."""
    net = train(voices(split.train, synthetic), recipe, steps, seed, "without the validation speaker")
    sound, spoken = joined(shuffled(split.validation, STREAM_WORDS, seed), seed)
    keyword, found = tuned(scores(net, sound, recipe), card(recipe), spoken)
    reached = round(accuracy(net, split.validation, recipe), 4)
    return card(recipe).with_(recipe=keyword), {
        "validation_accuracy": reached,
        "validation_stream": found.text(),
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
    parser.add_argument("--steps", type=int, default=2000, help=f"batches of {BATCH} windows")
    options = parser.parse_args()
    torch.set_num_threads(1)
    split = split_speakers(options.data)
    synthetic = recordings_in(options.synthetic) if options.synthetic else ()
    print(f"{split.text()}; {len(synthetic)} synthetic recordings train too")
    recipe = measured(split.train)
    ready, measures = chosen(split, synthetic, recipe, options.steps, options.seed)
    people = (*split.train, *split.validation)
    net = train(voices(people, synthetic), recipe, options.steps, options.seed, "with it: the final network")
    measures |= {
        "test_accuracy": round(accuracy(net, split.test, recipe), 4),
        "test_stream": heard(net, ready, split.test, options.seed).text(),
        "bundled_recordings": bundled(net, ready, options.seed),
    }
    training = {
        "data": "Free Spoken Digit Dataset (Zohar Jackson and contributors, CC-BY-SA-4.0)",
        "synthetic_recordings": len(synthetic),
        "split": f"{split.text()}; the final network is trained on train and validation",
        "seed": options.seed,
        "steps": options.steps,
        **measures,
    }
    example = torch.zeros(ready.inputs[0].shape)
    size = save_network(net, example, options.output, ready.with_(extra={"x-training": training}))
    print(f"{options.output}: {size:,} bytes; {ready.recipe}")
    print("\n".join(f"{name}: {value}" for name, value in measures.items()))


if __name__ == "__main__":
    main()
