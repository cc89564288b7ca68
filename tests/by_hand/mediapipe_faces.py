"""Faces as MediaPipe Solutions finds them, as JSON; run by a Python that has mediapipe 0.10.14, in its own process.

    PYTHON mediapipe_faces.py --confidence 0.5 PICTURE.npy ...

Each file is uint8[height, width, 3], RGB. One line of JSON for each: {"faces": [{"score", "box_xyxy", "points_xy"}]}.
With --time each line of standard input is a number: the first picture is processed so often, and the line of JSON also
has the CPU seconds of one of these times, as "cpu_s".
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

import numpy as np


def faces(detector: Any, rgb: Any) -> list[dict[str, Any]]:
    """In pixels of the picture, best first."""
    height, width = rgb.shape[:2]
    found = []
    for each in detector.process(rgb).detections or ():
        box = each.location_data.relative_bounding_box
        left, top = box.xmin * width, box.ymin * height
        right, bottom = left + box.width * width, top + box.height * height
        points = [[point.x * width, point.y * height] for point in each.location_data.relative_keypoints]
        found.append({"score": each.score[0], "box_xyxy": [left, top, right, bottom], "points_xy": points})
    return found


def serve(detector: Any, rgb: Any) -> None:
    """Times the detector as often as it is asked to."""
    for line in sys.stdin:
        begin = time.process_time_ns()
        for _ in range(int(line)):
            found = faces(detector, rgb)
        each_s = (time.process_time_ns() - begin) / int(line) * 1e-9
        print(json.dumps({"faces": found, "cpu_s": each_s}), flush=True)  # noqa: T201


def main() -> int:
    """Writes one line for each picture."""
    import mediapipe  # type: ignore[import-not-found]

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="+")
    parser.add_argument("--confidence", type=float, default=0.5)
    parser.add_argument("--time", action="store_true")
    asked = parser.parse_args()
    solution = mediapipe.solutions.face_detection.FaceDetection
    with solution(model_selection=0, min_detection_confidence=asked.confidence) as detector:
        if asked.time:
            serve(detector, np.load(asked.picture[0]))
            return 0
        for path in asked.picture:
            print(json.dumps({"faces": faces(detector, np.load(path))}), flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
