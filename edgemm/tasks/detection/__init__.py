"""Detection: boxes, classes and key points out of a detector's outputs, in pixels of the source."""

from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.detection.task import DetectionTask

__all__ = ["DetectionRecipe", "DetectionTask"]
