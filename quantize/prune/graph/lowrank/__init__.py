"""Low-rank factors: a layer with a large weight becomes two layers with fewer numbers, where they are faster.

layers.py   which layers can become two, and at which ranks
spectrum.py how much of a layer's output is lost at each rank, on data
look.py     one run of the calibration data, from which that follows
budget.py   ranks of all layers, so that a target is met
timed.py    only pairs that were measured to be faster
split.py    puts two layers in the place of one
refit.py    fits the layers behind anew
factor.py   the whole way
"""

from edgemm.quantize.prune.graph.lowrank.factor import Factored, factor_graph

__all__ = ["Factored", "factor_graph"]
