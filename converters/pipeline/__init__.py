"""A conversion in steps; each is one file and uses the results of those before it.

read -> prepare -> plan -> write -> measure -> repair -> describe -> reload

read.py       the source as a canonical graph, with its card
prepare.py    the data: for calibration, for evaluation, and the outputs of the source on it
plan.py       what is integer, and on which grids
write.py      the file; where its runtime cannot run it, the error names the node
measure.py    the file, opened again, against the source
repair.py     a conversion that lost too much is improved
describe.py   card and goldens
reload.py     the artifact on disk, loaded as a device loads it, its goldens replayed

work.py       the state that the steps share
"""

from edgemm.converters.pipeline.run import Conversion, run

__all__ = ["Conversion", "run"]
