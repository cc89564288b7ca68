"""The network that finds and segments digits in scenes: one trunk, a head for boxes, a head for masks.

All layers have integer kernels in every runtime: 3 x 3 and 1 x 1 convolutions, ReLU, additions, resizing. Of the trunk
and each head one file is made.
"""

from __future__ import annotations

import torch
from scene_cells import CLASSES
from torch import nn

PRIOR = -4.0
"""Score before sigmoid that each cell starts with: few cells hold a digit."""


def block(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Convolution, batch norm, ReLU."""
    layers = (
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
    return nn.Sequential(*layers)


class Trunk(nn.Module):
    """Float32[n, 3, height, width] -> features at strides 2, 4 and 8: 16, 32 and 56 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stride2 = block(3, 16, 2)
        self.stride4 = nn.Sequential(block(16, 32, 2), block(32, 32))
        self.stride8 = nn.Sequential(block(32, 48, 2), block(48, 56))
        self.stride16 = nn.Sequential(block(56, 48, 2), block(48, 56))
        self.join = block(56, 56)

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """See the class."""
        fine = self.stride2(pictures)
        middle = self.stride4(fine)
        coarse = self.stride8(middle)
        wide = nn.functional.interpolate(self.stride16(coarse), scale_factor=2.0, mode="nearest")
        return fine, middle, self.join(coarse + wide)


class BoxHead(nn.Module):
    """Features at stride 8 -> boxes float32[n, cells, 4] and score logits float32[n, cells, 10].

    A box is the offset of its middle from the cell's middle, then width and height, in units of the stride.
    """

    def __init__(self) -> None:
        super().__init__()
        self.box = nn.Sequential(block(56, 24), nn.Conv2d(24, 4, 1))
        self.score = nn.Sequential(block(56, 56), nn.Conv2d(56, CLASSES, 1))
        nn.init.constant_(self.score[1].bias, PRIOR)
        nn.init.constant_(self.box[1].bias[2:], 3.0)

    def forward(self, coarse: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See the class."""
        return self.box(coarse).flatten(2).transpose(1, 2), self.score(coarse).flatten(2).transpose(1, 2)


class MaskHead(nn.Module):
    """The trunk's features -> logits float32[n, 11, height, width]: background, then the digits."""

    def __init__(self) -> None:
        super().__init__()
        self.coarse, self.middle = block(56, 32, kernel=1), block(32, 32)
        self.narrow, self.fine = block(32, 16, kernel=1), block(16, 16)
        self.classes = nn.Conv2d(16, CLASSES + 1, 1)

    def forward(self, fine: torch.Tensor, middle: torch.Tensor, coarse: torch.Tensor) -> torch.Tensor:
        """See the class."""
        joined = self.middle(_doubled(self.coarse(coarse)) + middle)
        logits = self.classes(self.fine(_doubled(self.narrow(joined)) + fine))
        return _doubled(logits)


class SceneNetwork(nn.Module):
    """Trunk and both heads, trained together."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.boxes, self.masks = Trunk(), BoxHead(), MaskHead()

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Boxes, score logits, mask logits."""
        fine, middle, coarse = self.trunk(pictures)
        return (*self.boxes(coarse), self.masks(fine, middle, coarse))


class Detector(nn.Module):
    """What the file of the detector holds: boxes, and scores 0..1."""

    def __init__(self, network: SceneNetwork) -> None:
        super().__init__()
        self.trunk, self.boxes = network.trunk, network.boxes

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See the class."""
        boxes, logits = self.boxes(self.trunk(pictures)[2])
        return boxes, logits.sigmoid()


class Segmenter(nn.Module):
    """What the file of the segmenter holds: the class int64[n, height, width] of each pixel."""

    def __init__(self, network: SceneNetwork) -> None:
        super().__init__()
        self.trunk, self.masks = network.trunk, network.masks

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.masks(*self.trunk(pictures)).argmax(1)


def _doubled(features: torch.Tensor) -> torch.Tensor:
    return nn.functional.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)
