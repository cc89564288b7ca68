"""What the values of options may be: names of targets, presets and delegates."""

from __future__ import annotations

import argparse

from edgemm.choices import TARGET_INSTEAD
from edgemm.cli.parser import CommandParser
from edgemm.errors import InputError

TARGETS = ("cpu", "x86", "vnni", "arm", "tensorrt", "coral", "tflite-2.14", "here")
"""Those of `edgemm.quantize.target`, which a device without the converter does not have."""


def add_target(parser: CommandParser) -> None:
    """`--target`."""
    parser.add_argument(
        "--target",
        choices=TARGETS,
        default="cpu",
        help="the machine that the file is made for: cpu (default) runs everywhere; x86, vnni (most x86 since 2019) "
        "and arm store weights as those processors compute with them; here is the one of this machine; tensorrt and "
        "coral are accelerators; tflite-2.14 is an old TFLite runtime",
    )
    parser.instead["--target"] = TARGET_INSTEAD


def add_gate(parser: argparse._ActionsContainer) -> None:
    """`--gate` and `--min-db`."""
    from edgemm.cli.parser import real

    parser.add_argument(
        "--gate",
        choices=("fail", "warn", "off"),
        default="fail",
        help="what to do when fidelity is below the limit: write nothing and exit 3 (fail, the default), write and "
        "note it (warn), or write (off)",
    )
    parser.add_argument(
        "--min-db",
        type=real(0.0, 200.0, "decibels"),
        default=20.0,
        metavar="DB",
        help="that limit, an SNR in dB, for outputs that are not classes (default 20)",
    )


def add_preset(parser: argparse._ActionsContainer, about: str) -> None:
    """`--preset`."""
    from edgemm.card.presets import PRESETS

    parser.add_argument(
        "--preset", choices=tuple(PRESETS), metavar="NAME", help=f"{about}: {', '.join(PRESETS)}"
    )


def add_delegate(parser: argparse.ArgumentParser) -> None:
    """`--delegate` and `--threads`."""
    from edgemm.cli.parser import whole
    from edgemm.delegates import DELEGATES

    parser.add_argument(
        "--delegate",
        type=_delegate,
        default="auto",
        metavar="NAME",
        help=f"the accelerator that must run the model: {', '.join(DELEGATES)}, or external:/path/lib.so "
        "(default auto: what is present, else the CPU)",
    ).completions = ("auto", *DELEGATES)  # type: ignore[attr-defined]
    parser.add_argument(
        "--threads",
        type=whole(1),
        default=1,
        metavar="N",
        help="threads of the runtime on the CPU (default 1)",
    )


def _delegate(name: str) -> str:
    from edgemm.delegates import find_delegate
    from edgemm.errors import InputError

    if name != "auto":
        try:
            find_delegate(name)
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error).removeprefix("delegate: ")) from error
    return name


def add_pruned_model(parser: argparse.ArgumentParser) -> None:
    """What commands that prune are told of the model: `--keep`, `--low-rank`, `--card` and `--preset`."""
    parser.add_argument(
        "--keep", action="append", default=[], metavar="LAYER",
        help="a layer that keeps all its channels, by the name of its node; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--low-rank", type=float, metavar="ENERGY",
        help="make two layers of lower rank of large layers where that is measured to be faster, and keeps this part "
        "of the energy of the layer's output, such as 0.99",
    )  # fmt: skip
    parser.add_argument(
        "--card", metavar="CARD.json", help="what the model takes and gives: preprocessing, labels, task"
    )
    add_preset(parser, "the card of a common kind of model")


def require_data(options: argparse.Namespace) -> None:
    """
    Raises:
        InputError: `--samples` says how much of data is used that is not there.
    """
    if options.samples is not None and options.calibrate is None and options.evaluate is None:
        raise InputError(
            f"--samples {options.samples}: expected --calibrate DATA or --evaluate DATA beside it, of which so many "
            "are used, found neither"
        )
