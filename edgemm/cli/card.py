"""`edgemm card show|set|copy`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edgemm.card import ModelCard
from edgemm.cli.output import emit_json
from edgemm.errors import CardError, InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands of `card`."""
    parser.epilog = """\
examples:
  edgemm card show digits.tflite
  edgemm card set digits.tflite digits.card.json
  edgemm card copy digits.tflite digits_edgetpu.tflite

Compilers such as edgetpu_compiler drop the card: `edgemm card copy` brings it over. The goldens (inputs with
their outputs) are copied only where the model inside is the same."""
    actions = parser.add_subparsers(dest="action", metavar="show|set|copy", required=True)
    show = actions.add_parser(
        "show", help="print the card", epilog="example:\n  edgemm card show digits.tflite"
    )
    show.add_argument("file", metavar="FILE", help="the model file: .tflite or .onnx")
    put = actions.add_parser(
        "set",
        help="write a card into the file",
        epilog="example:\n  edgemm card set digits.tflite digits.card.json",
    )
    put.add_argument("file", metavar="FILE", help="the model file, which is rewritten")
    put.add_argument("card", metavar="CARD.json", help="the card, as JSON")
    copy = actions.add_parser(
        "copy",
        help="write the card of one file into another",
        epilog="example:\n  edgemm card copy digits.tflite digits_edgetpu.tflite",
    )
    copy.add_argument("source", metavar="FROM", help="the model file that has the card")
    copy.add_argument("file", metavar="TO", help="the model file that gets it, and is rewritten")
    for action in (show, put, copy):
        action.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="one JSON object on stdout"
        )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Shows, sets or copies."""
    return {"show": _show, "set": _set, "copy": _copy}[options.action](options)


def _card_of(file: str) -> ModelCard:
    from edgemm.artifact import read_artifact

    card = read_artifact(file).card
    if card is None:
        raise CardError(f"{file}: has no card. Give it one with: edgemm card set {file} CARD.json")
    return card


def _show(options: argparse.Namespace) -> int:
    card = _card_of(options.file)
    if options.json:
        emit_json("edgemm.card.show/1", {"file": options.file, "card": card.to_dict()})
    else:
        print(card.to_json())
    return 0


def _set(options: argparse.Namespace) -> int:
    path = Path(options.card)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    return _write(options, ModelCard.from_json(path.read_bytes()))


def _copy(options: argparse.Namespace) -> int:
    return _write(options, _card_of(options.source))


def _write(options: argparse.Namespace, card: ModelCard) -> int:
    from edgemm.artifact import replace_card

    new = replace_card(options.file, card)
    content = {"file": options.file, "size_bytes": new.size_bytes, "name": card.name}
    if options.json:
        emit_json(f"edgemm.card.{options.action}/1", content)
    else:
        print(json.dumps(content))
    return 0
