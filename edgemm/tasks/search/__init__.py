"""The text that a decoder writes a token at a time: what is likely, and when it ends. Knows tokens alone.

    search = Greedy(scorer, Rules(end=(3,), most=64), begin=(2,))
    while search.advance():      a token longer
        ...                      partial results, cancellation
    search.best().tokens

scorer.py      the seam: what is searched over, and how a `Part` with a cache becomes one
rules.py       what may be written: end, forced, suppressed and repeated tokens, lengths
greedy.py      the best token of each step
beam.py        several texts at a time, ranked by length-normalized probability
log_softmax.py scores as logarithms of probabilities, and the best of them
"""

from edgemm.tasks.search.beam import Beam
from edgemm.tasks.search.greedy import Greedy
from edgemm.tasks.search.hypothesis import Hypothesis
from edgemm.tasks.search.rules import Rules
from edgemm.tasks.search.scorer import PartScorer, Scorer
from edgemm.tasks.search.search import Search, make_search

__all__ = ["Beam", "Greedy", "Hypothesis", "PartScorer", "Rules", "Scorer", "Search", "make_search"]
