"""Landmarks: the points of one face, body or hand."""

from __future__ import annotations

from edgemm.tasks.landmarks.recipe import LandmarksRecipe
from edgemm.tasks.landmarks.task import LandmarksDecoder, LandmarksTask

__all__ = ["LandmarksDecoder", "LandmarksRecipe", "LandmarksTask"]
