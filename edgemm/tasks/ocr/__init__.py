"""Text in pictures: one network finds lines of text, another one reads them.

recipe.py       the section `ocr` of a bundle
driver.py       what a bundle's driver "ocr" is
page.py         a picture to the first network's input, and its map of text back to places in the picture
boxes.py        a map of text to rotated boxes
crop.py         a box's pixels, upright
widths.py       a line in the widths that the second network takes; a longer one in pieces
characters.py   the alphabet, and scores to text
order.py        the order in which lines are read
session.py      the steps of one picture
"""

from edgemm.tasks.ocr.driver import OcrDriver

__all__ = ["OcrDriver"]
