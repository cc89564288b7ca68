"""Pruning of a model file: `prune_file`, from a float ONNX model and calibration data to a smaller one.

options.py   what may be asked for, checked before anything is read
file.py      the steps: read, prune, write, measure
modules.py   a torch module, pruned as such
turns.py     latency of several files, measured in turns
"""

from edgemm.converters.pruning.file import PrunedFile, prune_file

__all__ = ["PrunedFile", "prune_file"]
