"""What commands are told of a source model's graph: what it leaves open (`--shape`, `--set`), and which part of it is
wanted (`--outputs`, `--inputs`)."""

from __future__ import annotations

import argparse

from edgemm.errors import InputError


def add_graph(parser: argparse._ActionsContainer) -> None:
    """`--shape` and `--set`."""
    parser.add_argument(
        "--shape",
        action="append",
        default=[],
        metavar="NAME=SIZES",
        help="the shape of an input whose dimensions are open, such as input=1,3,224,224; may be given several times",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="constants",
        metavar="NAME=VALUE",
        help="the value of an input that is always the same, such as sr=16000; it is not an input any more",
    )


def add_cut(parser: argparse._ActionsContainer) -> None:
    """`--outputs` and `--inputs`."""
    parser.add_argument(
        "--outputs",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="cut the graph: these tensors inside it become the outputs, and what they do not need goes. A name is "
        "that of a tensor, or of a node as --explain prints it",
    )
    parser.add_argument(
        "--inputs",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="cut the graph: these tensors become the inputs, all that the outputs need; --shape gives a shape that "
        "cannot be inferred",
    )


def shapes(given: list[str]) -> dict[str, tuple[int, ...]]:
    """ "input=1,3,224,224" -> {"input": (1, 3, 224, 224)}."""
    found = {}
    for each in given:
        name, _, sizes = each.rpartition("=")
        try:
            shape = tuple(int(part) for part in sizes.split(","))
        except ValueError:
            shape = ()
        if not name or not shape or min(shape) < 1:
            raise InputError(f"--shape {each}: expected NAME=SIZES, such as input=1,3,224,224")
        found[name] = shape
    return found


def constants(given: list[str]) -> dict[str, float]:
    """ "sr=16000" -> {"sr": 16000.0}."""
    found = {}
    for each in given:
        name, _, text = each.rpartition("=")
        try:
            found[name] = float(text)
        except ValueError:
            name = ""
        if not name:
            raise InputError(f"--set {each}: expected NAME=VALUE with a number, such as sr=16000")
    return found
