"""Pruning of an ONNX graph with calibration data and no training: `prune_graph`.

trace.py        which index of which tensor is the same channel; operators/ has what each operator does with it
groups.py       channels that are counted together
observe.py      one run of the calibration data: what each layer reads and computes
rank.py         in which order the channels of a group are best removed
allocate.py     how much of each group goes
cut.py          removes channels from the graph
compensate.py   fits the layers behind them anew, by least squares
cost.py         MACs and parameters, without building the graph

features.py and moments.py are the linear algebra: a layer as a matrix, and sums over data.
"""

from edgemm.quantize.prune.graph.prune import Pruned, Settings, prune_graph

__all__ = ["Pruned", "Settings", "prune_graph"]
