"""Segmentation: a class for each pixel of the source."""

from __future__ import annotations

from edgemm.tasks.segmentation.recipe import SegmentationRecipe
from edgemm.tasks.segmentation.task import SegmentationDecoder, SegmentationTask

__all__ = ["SegmentationDecoder", "SegmentationRecipe", "SegmentationTask"]
