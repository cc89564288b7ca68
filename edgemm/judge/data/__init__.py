"""What is right about pictures, sound and texts, read from data as it comes.

    data = read_truth("coco/annotations/instances_val.json", "detection", labels=card.labels)
    for sample in data.samples:
        sample.picture                            -> Path
        sample.truth((width, height))             -> TrueBoxes, TrueClasses, or a tuple of TruePoints

find.py       which kind of data a path holds, and reading it
labelled.py   one picture and its truth; class numbers of the data -> those of a model
coco.py       COCO's JSON: boxes, polygons and run lengths (rle.py), key points
yolo.py       a .txt for each picture: boxes or polygons; names.py: class names in data.yaml or a list
voc.py        PASCAL VOC's XML
masks.py      PNG with class numbers, palettes included
targets.py    the pictures that are to be made of pictures
polygon.py    the pixels inside polygons
pictures.py   which files are pictures, and which belong together
folders.py      which class a sub-folder stands for
transcripts.py  recordings and what is said in them; pairs.py: texts and what is right for them
"""

from edgemm.judge.data.find import read_truth, truth_kind
from edgemm.judge.data.labelled import Labelled, LabelledData

__all__ = ["Labelled", "LabelledData", "read_truth", "truth_kind"]
