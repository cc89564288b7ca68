"""How far generated pictures are from real ones: the Frechet distance of what a classifier sees in both."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def frechet_distance(ours: Array, real: Array) -> float:
    """Between two clouds of features [n, d], each taken for a normal distribution (Heusel et al. 2017):
    |m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^0.5), with means m and covariances C.
    """
    apart = ours.mean(0) - real.mean(0)
    one, other = (np.atleast_2d(np.cov(each, rowvar=False)) for each in (ours, real))
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ other @ root).clip(0)).sum()
    return float(apart @ apart + np.trace(one) + np.trace(other) - 2 * shared)
