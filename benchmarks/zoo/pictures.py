"""Classifiers of timm with at most ten million parameters and seeded weights, on pictures of 64 x 64."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.zoo.stand_ins import without_torchvision

SIZE = 64
PLAIN: dict[str, dict[str, Any]] = {
    "mobilenetv3_small_050": {},
    "efficientnet_lite0": {},
    "ghostnet_050": {},
    "regnetx_002": {},
    "regnety_002": {},
    "repvgg_a0": {},
    "mobileone_s0": {},
    "lcnet_050": {},
    "resnet10t": {},
    "densenet121": {},
    "convnext_atto": {},
    "edgenext_xx_small": {},
    "fastvit_t8": {},
    "mobilevit_xxs": {},
    "mobilevitv2_050": {},
    "vit_tiny_patch16_224": {"img_size": SIZE, "patch_size": 8, "depth": 4},
    "swin_tiny_patch4_window7_224": {
        "img_size": SIZE, "window_size": 4, "embed_dim": 48, "depths": (2, 2, 2), "num_heads": (2, 4, 8),
    },
    "xcit_nano_12_p16_224": {"img_size": SIZE},
    "mlp_mixer": {"img_size": SIZE, "patch_size": 8, "embed_dim": 128, "num_blocks": 4},
    "efficientformerv2_s0": {"img_size": SIZE},
    "metaformer": {"dims": (32, 64, 128, 160), "depths": (1, 1, 2, 1)},
}  # fmt: skip
"""Name in timm -> what is other than its own."""
CLASSES = {"mlp_mixer": "MlpMixer", "metaformer": "MetaFormer"}
"""Module -> class: families whose named networks take no sizes."""


def make(name: str) -> Any:
    """The module."""
    without_torchvision()
    import timm

    if name in CLASSES:
        return getattr(getattr(timm.models, name), CLASSES[name])(num_classes=10, **PLAIN[name])
    return timm.create_model(name, pretrained=False, num_classes=10, **PLAIN[name])


def picture() -> Tensor:
    """Blurred noise: float32[1, 3, 64, 64]."""
    return functional.avg_pool2d(torch.randn(1, 3, SIZE, SIZE), 3, 1, 1) * 2


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[Callable[[], Tensor], ...]]] = {
    name: (partial(make, name), (picture,)) for name in PLAIN
}
"""Name -> what makes it, and one maker for each input."""
