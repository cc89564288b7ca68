"""Trained networks, converted to both formats in float and int8, each judged by the measure of its own task.

network.py    what a row needs: sources, real data, the measure
measures.py   the measures that several rows share
pictures.py   faces, bodies, masks, classes of pictures
enhanced.py   larger pictures, styles, drawings
letters.py    text in pictures
sounds.py     keywords, tags, speech without noise
runtimes.py   a file in its own runtime
files.py      four files written, run and compared with the source
rows.py       every row, each in a process of its own
table.py      Markdown
../trained.md the figures of the last run

make trained                                                needs EDGEMM_SHARED or ../shared
python -m benchmarks.zoo.trained --out DIR [--network NAME] [--table FILE]
"""
