"""Measuring what a model answers against what is right, one sample at a time; the same code on host and device.

    metric = edgemm.judge.metric("detection")
    for picture, truth in samples:
        metric.add(model(picture), truth)
    metric.value()                                    -> 0.359; metric.report() has all figures

metric.py              the protocol, and the table: task -> metric
truth.py               what is right: boxes, a class for each pixel, points
classification.py      share of samples whose best class is right
keyword.py             share of recordings in which the right word, or none, was found
detection.py           mean average precision as COCO defines it (matching.py: which box found which thing;
                       precision.py: precision over recall)
segmentation.py        mean intersection over union of the classes
landmarks.py           mean distance of the points
tagging.py             how high the right labels of a sound are ranked
voice_activity.py      speech that is missed, and speech that is found where there is none
transcription.py       share of the words, and of the letters, that are wrong
text_lines.py          share of the characters of a picture's text that are wrong
translation.py         BLEU of the texts that are written for texts
detection_agreement.py detections of one model against those of another
embedding.py           cosine of the embeddings of one model with those of another
pictures.py            how near pictures come to those that are to be made (PSNR, SSIM)
denoising.py           decibels by which sound is the true one (SI-SDR)
speakers.py            equal error rate of embeddings; a threshold for a stated false-accept rate

Needs NumPy alone.
"""

from edgemm.judge.metric import AGREEMENTS, METRICS, Metric, agreement, metric
from edgemm.judge.speakers import FittedThreshold, enrolment_scores, equal_error, fit_threshold
from edgemm.judge.truth import TrueBoxes, TrueClasses, TruePicture, TruePoints

__all__ = [
    "AGREEMENTS",
    "METRICS",
    "FittedThreshold",
    "Metric",
    "TrueBoxes",
    "TrueClasses",
    "TruePicture",
    "TruePoints",
    "agreement",
    "enrolment_scores",
    "equal_error",
    "fit_threshold",
    "metric",
]
