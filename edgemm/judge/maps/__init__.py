"""Which parts of an input an answer rests on, found by questions alone: int8 files of any runtime can be explained.

    found = explain(model, picture)                       -> Map: float32[height, width] over the picture
    draw(found, picture)                                  -> the picture with the map over it; svg(...) for a page
    score_maps(model, pictures).means_something           -> whether its maps are better than random ones

map.py          the value: a map, of a picture, sound (time and frequency) or a text (words)
explain.py      makes one
question.py     the score that is asked for: of a class, a box, a region
parts.py        the seam: an input of which parts can be hidden; picture.py, sound.py, words.py
methods.py      occlusion and random masks
deletion.py     whether maps mean something, and whether two of them agree
paint.py        how a map is drawn; page.py: as SVG

Needs NumPy; pictures and drawing need OpenCV.
"""

from edgemm.judge.maps.deletion import Areas, MapScore, agreement, areas, compare, score_maps, summed
from edgemm.judge.maps.explain import explain
from edgemm.judge.maps.map import Map
from edgemm.judge.maps.open_parts import parts_of
from edgemm.judge.maps.page import svg
from edgemm.judge.maps.paint import draw, png

__all__ = [
    "Areas", "Map", "MapScore", "agreement", "areas", "compare", "draw", "explain", "parts_of", "png", "score_maps",
    "summed", "svg",
]  # fmt: skip
