"""The way from a source to an artifact, in steps; each is one file and reads what those before it left.

read -> prepare -> plan -> write -> measure -> repair -> describe -> reload

read.py       the source as a canonical graph, with its card; how it answers by itself
prepare.py    the data: what calibrates, what judges, and what the source answers to it
plan.py       what is integer, and on which grids
write.py      the file; one that its runtime cannot run names the node
measure.py    the file, opened again, against the source
repair.py     a conversion that lost too much is improved
describe.py   card and goldens
reload.py     the artifact on disk, loaded as a device loads it, its goldens replayed

work.py       what the steps hand on
"""

from edgemm.converters.pipeline.run import Conversion, run

__all__ = ["Conversion", "run"]
