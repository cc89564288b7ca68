"""Training: one plain loop for classifiers, regression, sequences, distillation and GANs; seeded and resumable.

    from edgemm.quantize.training import Samples, Settings, distil, train

    report = train(network, Samples(pictures, labels), settings=Settings(epochs=10), validate=accuracy)
    report = distil(small, large, Samples(pictures), checkpoint="small.checkpoint")

Needs the extra `torch`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgemm.lazy_names import lazy_names

if TYPE_CHECKING:
    from edgemm.quantize.training.distillation import Distillation, distil
    from edgemm.quantize.training.gan import train_gan
    from edgemm.quantize.training.report import TrainingReport
    from edgemm.quantize.training.samples import Batch, Samples
    from edgemm.quantize.training.settings import Settings
    from edgemm.quantize.training.supervised import train

_WHERE = {
    "Batch": "samples",
    "Distillation": "distillation",
    "Samples": "samples",
    "Settings": "settings",
    "TrainingReport": "report",
    "distil": "distillation",
    "train": "supervised",
    "train_gan": "gan",
}
"""Public name -> module that it lives in; loaded when first asked for."""

__all__ = [
    "Batch", "Distillation", "Samples", "Settings", "TrainingReport", "distil", "train", "train_gan",
]  # fmt: skip

__getattr__, __dir__ = lazy_names(__name__, _WHERE)
