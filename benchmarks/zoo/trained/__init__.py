"""Trained networks, converted to both formats in float and int8, each judged by the measure of its own task.

network.py    what a row needs: sources, real data, the measure
measures.py   the measures that several rows share
pictures.py   faces, bodies, masks, classes of pictures
enhanced.py   larger pictures, styles, drawings
letters.py    text in pictures
sounds.py     keywords, tags, speech without noise
files.py      one file written, run in its own runtime, compared
rows.py       every row, each in a process of its own
table.py      Markdown
table.md      the figures of the last run

python -m benchmarks.zoo.trained --out DIR [--network NAME ...]     needs EDGEMM_SHARED or ../shared
"""
