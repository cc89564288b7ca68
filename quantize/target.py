"""Targets: the machines that artifacts are made for, in one table."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgemm.choices import TARGET_INSTEAD, choice
from edgemm.instructions import instructions
from edgemm.quantize.grid import PAIR_STEPS, WEIGHT_STEPS


@dataclass(frozen=True, slots=True)
class Target:
    """How numbers are stored for one kind of machine. Activation ranges are shared by all targets
    of a plan; the weight grid belongs to the target."""

    name: str
    activations_symmetric: bool = False
    """Zero point 0 for every activation (TensorRT refuses others)."""
    weight_dtype: str = "int8"
    """How ONNX stores weights. "uint8": the s8 values with zero point 128 added, which x86 without VNNI
    multiplies exactly where it saturates s8."""
    weight_steps: int = WEIGHT_STEPS
    """Steps that a weight has on either side of 0 where integers are multiplied. `PAIR_STEPS`: 7 bits, which no x86
    saturates in s8."""
    narrow_onnx: bool = False
    """`.onnx` files for it are made with s8 weights of 7 bits first, as fast as s8 in all 8 bits, and right on every
    x86. u8 in all 8 bits is what a repair takes where that is too coarse."""
    per_channel: bool = True
    """One scale per output channel of a weight."""
    gemm_per_channel: bool = True
    """The same for fully connected layers, where static. Coral's compiler comes from a time when TFLite files had
    one scale there; LiteRT and tflite-runtime 2.14 run both to the last bit."""
    hybrid_per_channel: bool = True
    """The same for fully connected layers that quantize their activations while running: exact in LiteRT, garbage in
    tflite-runtime 2.14, which refuses the version of the operator that they are written with."""
    integer_only: bool = False
    """Every operator must be integer (Coral); one that cannot be is an error, not a float island."""
    joins_any_grids: bool = False
    """A Concat takes each input on a grid of its own, as ONNX Runtime's does, and need not share one with it."""
    products_around_zero: bool = True
    """The right side of a product of two computed values has zero point 0: XNNPACK takes no other."""
    io_integer: bool = True
    """TFLite inputs and outputs are int8. ONNX keeps float inputs and outputs unless `--io int8`."""
    tflite_runtime: tuple[int, int] | None = None
    """The tflite-runtime that must run what is written; an operator that it lacks is refused. None: LiteRT."""
    formats: tuple[str, ...] = ("tflite", "onnx")
    """The formats that it runs."""

    def written_in(self, format_: str) -> Target:
        """The same machine, with the weights that a file of that format has first, and the grids that it may have."""
        if format_ != "onnx":
            return self
        freer = replace(self, joins_any_grids=not self.activations_symmetric, products_around_zero=False)
        return replace(freer, weight_dtype="int8", weight_steps=PAIR_STEPS) if self.narrow_onnx else freer

    def in_all_bits(self) -> Target:
        """The same machine with weights in all 8 bits, u8: right on every x86, and on many slower."""
        return replace(self, weight_dtype="uint8", weight_steps=WEIGHT_STEPS)

    @property
    def is_narrow(self) -> bool:
        """Weights have less than 8 bits."""
        return self.weight_steps < WEIGHT_STEPS

    @property
    def saturates_here(self) -> bool:
        """Products of its `.onnx` files' weights saturate on this processor: s8 in all 8 bits, on x86 without VNNI."""
        here = instructions()
        return (
            self.weight_dtype == "int8"
            and not self.is_narrow
            and (here.kind == "x86" and here.target != "vnni")
        )


TARGETS: dict[str, Target] = {
    "cpu": Target("cpu", weight_dtype="uint8", narrow_onnx=True),
    "x86": Target("x86", weight_dtype="uint8"),
    "vnni": Target("vnni"),
    "arm": Target("arm"),
    "tensorrt": Target("tensorrt", activations_symmetric=True, formats=("onnx",)),
    "coral": Target(
        "coral", gemm_per_channel=False, hybrid_per_channel=False, integer_only=True, formats=("tflite",)
    ),
    "tflite-2.14": Target(
        "tflite-2.14", hybrid_per_channel=False, tflite_runtime=(2, 14), formats=("tflite",)
    ),
}


HERE = "here"


def target(name: str, format_: str = "") -> Target:
    """The target of that name; "here" is the one of this machine's processor.

    Args:
        format_: "onnx" or "tflite": with the weights that files of that format are made with first, and the grids that
            they may have; "": with those that suit both.

    Raises:
        InputError: no such target; the message lists them.
    """
    chosen = choice("target", name, (*TARGETS, HERE), TARGET_INSTEAD)
    return TARGETS[instructions().target if chosen == HERE else chosen].written_in(format_)
