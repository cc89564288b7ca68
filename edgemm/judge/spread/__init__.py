"""Long judgements in parallel: pieces of work in processes of this machine, or on a Dask cluster.

    done = spread(pieces, jobs=4, rows=Path("rows.jsonl"))       the rows, in the order of the pieces
    done = spread(pieces, dask="tcp://10.0.0.7:8786", rows=...)  the same rows

piece.py     one piece, and what came of it
files.py     the files that it reads: the same path and the same content on every machine
rows.py      the file of what is done, from which a judgement goes on
here.py      in this process, and in processes of this machine; child.py is what they run
cluster.py   on Dask
spread.py    joins these
"""

from edgemm.judge.spread.cluster import LIMIT_S
from edgemm.judge.spread.files import file_hash
from edgemm.judge.spread.spread import Failure, Spread, spread

__all__ = ["LIMIT_S", "Failure", "Spread", "file_hash", "spread"]
