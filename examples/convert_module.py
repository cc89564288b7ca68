"""A PyTorch module to an int8 artifact, measured on the way.

python examples/convert_module.py --output small.tflite
"""

from __future__ import annotations

import argparse

import numpy as np

from edgemm import data
from edgemm.card import ImageRecipe, InputCard, ModelCard, OutputCard
from edgemm.converters import convert

CARD = ModelCard(
    name="small",
    task="classification",
    labels=tuple(str(digit) for digit in range(10)),
    inputs=(InputCard(modality="image", image=ImageRecipe(color="gray")),),
    outputs=(OutputCard(decode="logits"),),
)


def main() -> None:
    """Trains a little on 100 pictures, converts, and says what int8 kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", default="small.tflite", help=".tflite or .onnx")
    output = parser.parse_args().output
    import torch
    from torch import nn

    torch.manual_seed(0)
    images, labels = data.calibration_digits()
    inputs = torch.from_numpy(images[:, None].astype(np.float32) / 255.0)
    module = nn.Sequential(
        nn.Conv2d(1, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 16, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(576, 10)
    )
    optimizer = torch.optim.Adam(module.parameters(), 1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(inputs), torch.from_numpy(labels)).backward()
        optimizer.step()
    done = convert(module.eval(), (inputs[:1],), output=output, calibrate=list(inputs.numpy()), card=CARD)
    kept = done.fidelity.outputs[0]
    print(
        f"{done.output}: {done.size_bytes} bytes, {kept.snr_db:.1f} dB, same class {kept.top1_agreement:.1%}"
    )


if __name__ == "__main__":
    main()
