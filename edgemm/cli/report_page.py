"""Where a page of `--report` goes."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgemm import atomic
from edgemm.errors import InputError


def report_page(options: argparse.Namespace) -> Path | None:
    """The path of the page; None where none is wanted. Called before any work is done.

    Args:
        options: with report, source and output.

    Raises:
        InputError: the page cannot be written, or is the source or the output.
    """
    if options.report is None:
        return None
    page = checked_page(options.report, options.source, "--report")
    if page.absolute() == Path(options.output).absolute():
        raise InputError(f"--report {page}: that is the output. Choose another name")
    return page


def checked_page(path: str, source: str, option: str) -> Path:
    """The path of a page that can be written.

    Args:
        option: what it was given as, for messages.

    Raises:
        InputError: it cannot, or it is the source.
    """
    page = Path(path)
    if not page.parent.is_dir():
        raise InputError(f"{option} {page}: the folder {page.parent} does not exist")
    atomic.refuse_source(source, page, option)
    atomic.check(page, option)
    return page
