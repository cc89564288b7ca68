"""Closed sets of words: one of them, or an error that names the nearest."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

from edgemm.errors import InputError

Word = TypeVar("Word", bound=str)

TARGET_INSTEAD = {
    "edgetpu": "'edgetpu' is a delegate. Convert with the target 'coral', compile the file with edgetpu_compiler, and "
    "run it with the delegate 'edgetpu'",
    "xnnpack": "XNNPACK runs files made for the target 'cpu', 'x86' or 'arm'",
    "armnn": "'armnn' is a delegate, which runs files made for the target 'arm'",
    "cuda": "'cuda' is a delegate, which runs .onnx files made for any target. For TensorRT the target is 'tensorrt'",
    "openvino": "'openvino' is a delegate, which runs .onnx files made for the target 'x86'",
    "gpu": "'gpu' is a delegate, which runs .tflite files made for any target",
    "qnn": "'qnn' is a delegate, which runs .onnx files made for any target",
    "nnapi": "'nnapi' is a delegate. The target for Android is 'arm'",
} | {
    other: f"The target is called {target!r}"
    for target, others in {
        "arm": "arm64 aarch64 armv8 raspberry-pi raspberrypi rpi pi pi4 pi5 neon android",
        "x86": "x86-64 x64 amd64 intel avx2 i686",
        "vnni": "avx-vnni avx512 avx512-vnni amx",
        "tensorrt": "jetson trt nvidia orin",
        "coral": "tpu edge-tpu google-coral",
        "tflite-2.14": "tflite-runtime tflite",
    }.items()
    for other in others.split()
}
"""What people write for a target -> what they need."""

DELEGATE_INSTEAD = {
    "coral": "'coral' is a target of `edgemm convert`; the delegate that runs such a file is 'edgetpu'",
    "arm": "'arm' is a target of `edgemm convert`; the delegates for Arm are 'cpu' and 'armnn'",
    "x86": "'x86' is a target of `edgemm convert`; the delegates for it are 'cpu' and 'openvino'",
    "vnni": "'vnni' is a target of `edgemm convert`; its files run on the delegate 'cpu'",
    "xnnpack": "XNNPACK is part of 'cpu', which uses it wherever it can: say 'cpu'. `edgemm bench`, or `coverage` of a "
    "loaded model, tells which operators it runs",
    "tflite-2.14": "'tflite-2.14' is a target of `edgemm convert`; its files run on the delegate 'cpu'",
} | {
    other: f"The delegate is called {delegate!r}"
    for delegate, others in {
        "edgetpu": "tpu edge-tpu google-coral libedgetpu",
        "cuda": "nvidia cudaexecutionprovider",
        "tensorrt": "trt jetson tensorrtexecutionprovider",
        "cpu": "none off neon cpuexecutionprovider",
        "openvino": "intel openvinoexecutionprovider",
        "armnn": "arm-nn",
        "qnn": "qualcomm hexagon htp qnnexecutionprovider",
    }.items()
    for other in others.split()
}
"""What people write for a delegate -> what they need."""


def choice(
    option: str, value: object, allowed: Collection[Word], instead: Mapping[str, str] | None = None
) -> Word:
    """`value`, which must be one of the words allowed, letter for letter.

    Args:
        option: what the value is for, as the caller knows it: "gate", "--scheme".
        allowed: in the order in which an error lists them.
        instead: words that are not allowed and mean something else -> a sentence about them.

    Raises:
        InputError: another value; the message lists the words, and the near one.
    """
    for word in allowed:
        if type(value) is type(word) and value == word:
            return word
    raise InputError(f"{option}: {expected_one_of(allowed, value, instead)}")


def expected_one_of(allowed: Collection[str], value: object, instead: Mapping[str, str] | None = None) -> str:
    """ "expected one of a, b; found 'c'. Did you mean 'a'?" """
    return f"expected one of {', '.join(allowed)}; found {value!r}{hint(value, allowed, instead)}"


def hint(value: object, allowed: Collection[str], instead: Mapping[str, str] | None = None) -> str:
    """ ". Did you mean 'static'?", or what `instead` says of the word; "" where nothing is near."""
    other = (instead or {}).get(_plain(value)) if isinstance(value, str) else None
    if other is not None:
        return f". {other}"
    found = near(value, allowed)
    return f". Did you mean {found!r}?" if found else ""


def ended(sentence: str) -> str:
    """The sentence with its full stop, where it has no question mark."""
    return sentence if sentence.endswith("?") else f"{sentence}."


def near(value: object, allowed: Collection[Word]) -> Word | None:
    """The word that was probably meant; None where nothing is near."""
    if not isinstance(value, str):
        return None
    import difflib

    plain = {_plain(word): word for word in reversed(list(allowed))}
    given = _plain(value[:100])
    found = difflib.get_close_matches(given, plain, n=3, cutoff=0.6)
    same_letters = [each for each in found if sorted(each) == sorted(given)]
    best = (same_letters or found)[:1]  # swapped letters are the likeliest slip
    return plain[best[0]] if best else None


def _plain(word: str) -> str:
    return word.strip().casefold().replace("_", "-").replace(" ", "-")
