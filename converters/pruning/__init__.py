"""Pruning of a model file: `prune_file`, from a float ONNX model and calibration data to a smaller one.

`file_sensitivity` says beforehand what each group of layers would cost.

options.py   what may be asked for, checked before anything is read
disk.py      the size of the file on the disk, and targets for it
poor.py      warnings: little is kept, the file has grown
unlike.py    in what else the file is unlike its source
file.py      the steps: read, prune, write, measure
graphs.py    a graph, pruned with its data
modules.py   a torch module, pruned as such
turns.py     latency of several files, measured in turns
sensitivity.py  each group of layers alone
"""

from edgemm.converters.pruning.file import PrunedFile, prune_file
from edgemm.converters.pruning.sensitivity import file_sensitivity

__all__ = ["PrunedFile", "file_sensitivity", "prune_file"]
