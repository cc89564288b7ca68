"""Looks closer at everything that a first model finds: a second one sees each thing by itself, as large as its input.

python examples/look_closer.py                      # the bundled networks on a made film of digits in clutter
python examples/look_closer.py camera:0 --first faces.tflite --second landmarks.tflite --track --save out.mp4
"""

from __future__ import annotations

import argparse
import tempfile

import cv2

import edgemm
from edgemm import data
from edgemm.data import scenes
from edgemm.sinks import open_sinks


def made_film(folder: str) -> str:
    """A film of digits that move in clutter."""
    code, path = cv2.VideoWriter.fourcc(*"MJPG"), f"{folder}/digits.avi"
    film = cv2.VideoWriter(path, code, 20, scenes.SIZE_WH)
    for scene in scenes.film(*data.digits(), seed=5, frames=20):
        film.write(scene.pixels[:, :, ::-1])
    film.release()
    return path


def main() -> None:
    """Runs two models behind each other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("source", nargs="?", help="pictures, a film or a camera")
    parser.add_argument("--first", default=data.path("models/scene_detector.onnx"), help="finds things")
    parser.add_argument("--second", default=data.path("models/scene_segmenter.onnx"), help="looks at each")
    parser.add_argument("--track", action="store_true", help="by the points of --second MODEL")
    parser.add_argument("--save", default=[], nargs="*", help="films or folders for the drawn pictures")
    options = parser.parse_args()
    around = edgemm.Crop("box", margin=2.0, square=True)
    track = edgemm.Track(edgemm.Crop("points", margin=2.0, square=True)) if options.track else None
    chain = edgemm.load(options.first).then(around, edgemm.load(options.second), track=track)
    with (
        tempfile.TemporaryDirectory() as folder,
        edgemm.open_source(options.source or made_film(folder)) as source,
        chain.stream(source) as stream,
        open_sinks(options.save, source=source) as sinks,
    ):
        for item in stream:
            sinks.wait_for_room(0.0 if source.live else 5.0)  # a file waits
            sinks.put("", item)
            scene: edgemm.Scene = item.value
            said = [f"{thing.label} {thing.score:.2f} {list(thing.results)}" for thing in scene.things]
            print(f"{'found' if scene.detected else 'tracked'} {said}, {item.age_ms:.1f} ms")
        print(stream.ledger.summary()["stages_ms"])
    chain.close()


if __name__ == "__main__":
    main()
