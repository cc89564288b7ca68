"""Pruning of an ONNX graph with calibration data and no training: `prune_graph`.

trace.py        which index of which tensor is the same channel; operators/ has what each operator does with it
groups.py       channels that are counted together
observe.py      one run of the calibration data: what each layer reads and computes
rank.py         in which order the channels of a group are best removed
weigh.py        what the outputs lose with them, measured at a few depths
choose.py       how many go of each group, so that the target is met; allocate.py is the path it goes along
cut.py          removes channels from the graph
compensate.py   fits the layers behind them anew, by least squares
sensitivity.py  each group alone, by some fractions
pairs.py        two layers with removed channels between them, fitted together; newton.py solves that
zeros.py        sets single weights to zero, for a smaller download
cost.py         MACs and parameters, without building the graph

features.py and moments.py are the linear algebra: a layer as a matrix, and sums over data.
"""

from edgemm.quantize.prune.graph.prune import Pruned, prune_graph
from edgemm.quantize.prune.graph.work import Settings

__all__ = ["Pruned", "Settings", "prune_graph"]
