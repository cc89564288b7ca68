"""The blocks of MobileNetV2, for all that builds one."""

from __future__ import annotations

MOBILENET_V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, blocks, stride of the first: table 2 of https://arxiv.org/abs/1801.04381."""
