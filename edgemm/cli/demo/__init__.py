"""`edgemm demo`: two models from float to int8, on pictures and on speech, and a page that shows it."""

from __future__ import annotations

import argparse

from edgemm.cli.output import emit_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `demo`."""
    parser.epilog = """\
examples:
  edgemm demo
  edgemm demo --output out --camera camera:0 --microphone none

Needs no network, camera or microphone: pictures and recordings come with edgemm. Where there is a camera or a
microphone, it is used for a few seconds as well; a few small pictures on the page are all that is kept of that.
Takes about 80 s."""
    parser.add_argument(
        "--output",
        default="edgemm-demo",
        metavar="FOLDER",
        help="folder for the models and the report page (default edgemm-demo)",
    )
    for name in ("camera", "microphone"):
        parser.add_argument(
            f"--{name}",
            default="auto",
            metavar="URI",
            help=f"the {name} to use, or another source; none for none; auto (default) for the first that is found",
        )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Shows progress on stderr, writes the page, prints where it is."""
    from edgemm.cli.demo.story import tell
    from edgemm.cli.progress import ProgressBar

    with ProgressBar(quiet=options.json) as progress:
        told = tell(options.output, progress, camera=options.camera, microphone=options.microphone)
    if options.json:
        emit_json("edgemm.demo/1", told.to_json())
    else:
        print(told.text())
    return 0
