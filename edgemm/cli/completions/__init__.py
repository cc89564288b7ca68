"""`edgemm completions`: a static script for the shell, which starts no Python when a key is pressed.

`tree` reads the parser into plain words; `bash`, `zsh` and `fish` write them down for their shell.
"""

from __future__ import annotations

import argparse

from edgemm.cli.parser import CommandParser

SHELLS = ("bash", "zsh", "fish")


def add_arguments(parser: CommandParser) -> None:
    """The options of `completions`."""
    parser.epilog = """\
examples:
  edgemm completions bash > ~/.local/share/bash-completion/completions/edgemm
  edgemm completions zsh > ~/.zfunc/_edgemm
  edgemm completions fish > ~/.config/fish/completions/edgemm.fish

bash needs the package bash-completion for that folder; without it put `source FILE` into ~/.bashrc. zsh needs
`fpath+=~/.zfunc` before `compinit` in ~/.zshrc. A new shell completes commands, options, their values and files.
Write the script again after edgemm was updated."""
    parser.add_argument(
        "shell", choices=SHELLS, metavar="bash|zsh|fish", help="the shell to print the script for"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints the script."""
    from importlib import import_module

    from edgemm.cli import parser
    from edgemm.cli.completions.tree import read_tree
    from edgemm.cli.output import emit_json

    script: str = import_module(f"edgemm.cli.completions.{options.shell}").script(read_tree(parser()))
    if options.json:
        emit_json("edgemm.completions/1", {"shell": options.shell, "script": script})
    else:
        print(script, end="")
    return 0
