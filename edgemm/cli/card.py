"""`edgemm card new|show|set|copy`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from edgemm import atomic
from edgemm.card import ModelCard
from edgemm.cli.output import emit_json, size, table
from edgemm.cli.words import add_preset
from edgemm.errors import CardError, InputError, naming


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands of `card`."""
    parser.epilog = """\
examples:
  edgemm card new digits.tflite -o digits.card.json     # a card to fill in, every key explained
  edgemm card set digits.tflite digits.card.json
  edgemm card show digits.tflite
  edgemm card copy digits.tflite digits_edgetpu.tflite

Compilers such as edgetpu_compiler drop the card: `edgemm card copy` brings it over. The goldens (inputs with
their outputs) are copied only where the model inside is the same. docs/cards.md lists every key."""
    actions = parser.add_subparsers(dest="action", metavar="new|show|set|copy", required=True)
    new = actions.add_parser(
        "new",
        help="begin a card for a model file, every key explained",
        epilog="examples:\n  edgemm card new digits.tflite -o digits.card.json\n"
        "  edgemm card new mobilenet.onnx --preset imagenet",
    )
    new.add_argument("file", metavar="FILE", help="the model file: .tflite or .onnx; it is not changed")
    add_preset(new, "begin with the card of a common kind of model")
    new.add_argument(
        "-o", "--output", metavar="CARD.json", help="file to write; it must not exist (default: stdout)"
    )
    show = actions.add_parser(
        "show", help="print the card", epilog="example:\n  edgemm card show digits.tflite"
    )
    show.add_argument("file", metavar="FILE", help="the model file: .tflite or .onnx")
    put = actions.add_parser(
        "set",
        help="check a card against the model and write it into the file",
        epilog="example:\n  edgemm card set digits.tflite digits.card.json",
    )
    put.add_argument("file", metavar="FILE", help="the model file, which is rewritten")
    put.add_argument("card", metavar="CARD.json", help="the card, as JSON, or the name of a preset")
    copy = actions.add_parser(
        "copy",
        help="write the card of one file into another",
        epilog="example:\n  edgemm card copy digits.tflite digits_edgetpu.tflite",
    )
    copy.add_argument("source", metavar="FROM", help="the model file that has the card")
    copy.add_argument("file", metavar="TO", help="the model file that gets it, and is rewritten")
    for action in (new, show, put, copy):
        action.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="one JSON object on stdout"
        )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Begins, shows, sets or copies."""
    return {"new": _new, "show": _show, "set": _set, "copy": _copy}[options.action](options)


def _card_of(file: str) -> ModelCard:
    from edgemm.artifact import read_artifact

    card = read_artifact(file).card
    if card is None:
        raise CardError(
            f"{file}: has no card. Begin one with `edgemm card new {file} -o CARD.json`, fill it in, and write it with "
            f"`edgemm card set {file} CARD.json`"
        )
    return card


def _new(options: argparse.Namespace) -> int:
    from edgemm.artifact import read_payload
    from edgemm.card.keys import GUESSED
    from edgemm.card.presets import preset
    from edgemm.inspection.card_start import start_card

    begun = None if options.preset is None else preset(options.preset)
    content = start_card(read_payload(options.file), begun)
    if options.output is not None:
        _write_new(Path(options.output), json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        if options.json:
            emit_json("edgemm.card.new/1", {"file": options.file, "output": options.output, "card": content})
            return 0
        for guess in content[GUESSED]:
            print(f"guessed: {guess}")
        print(f"{options.output}: fill it in, then: edgemm card set {options.file} {options.output}")
    elif options.json:
        emit_json("edgemm.card.new/1", {"file": options.file, "output": None, "card": content})
    else:
        print(json.dumps(content, indent=1, ensure_ascii=False))
    return 0


def _write_new(path: Path, text: str) -> None:
    """Never over a card that somebody has filled in."""
    if os.path.lexists(path):
        raise InputError(f"-o {path}: is there already. Choose another name, or remove it first")
    atomic.save(path, text, "-o")


def _show(options: argparse.Namespace) -> int:
    card = _card_of(options.file)
    if options.json:
        emit_json("edgemm.card.show/1", {"file": options.file, "card": card.to_dict()})
    else:
        print(card.to_json())
    return 0


def _set(options: argparse.Namespace) -> int:
    from edgemm.card.fit import find_card
    from edgemm.model.card_check import with_measured

    card = with_measured(find_card(options.card), options.file)
    return _write(options, card, options.card, strict=True)


def _copy(options: argparse.Namespace) -> int:
    return _write(options, _card_of(options.source), options.source, strict=False)


def _write(options: argparse.Namespace, card: ModelCard, origin: str, *, strict: bool) -> int:
    from edgemm.artifact import read_payload, replace_card
    from edgemm.model.card_check import check_against

    artifact = read_payload(options.file)
    with naming(origin):
        checked = check_against(artifact, card, strict=strict)
    new = replace_card(options.file, checked.card)
    if checked.unchecked:
        print(f"edgemm: not wholly checked against the model: {checked.unchecked}", file=sys.stderr)
    if options.json:
        content = {"file": options.file, "size_bytes": new.size_bytes, "name": card.name}
        emit_json(f"edgemm.card.{options.action}/1", {**content, "unchecked": checked.unchecked or None})
        return 0
    print(f"{options.file}: the card {card.name!r} is written, {size(new.size_bytes)}")
    rows = [
        *(
            ("input", each.name, str(list(each.shape)), each.layout or each.modality)
            for each in checked.card.inputs
        ),
        *(("output", each.name, str(list(each.shape)), each.decode) for each in checked.card.outputs),
    ]
    print(table(rows, ("tensor", "name", "shape", "read as")))
    return 0
