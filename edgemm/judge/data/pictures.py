"""Which files are pictures, and which truths belong to them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from edgemm.errors import InputError

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm"})


def pictures_in(folder: Path) -> list[Path]:
    """All pictures in a folder and the folders in it, sorted by path; hidden ones left out.

    Raises:
        InputError: there are none.
    """
    found = sorted(
        each for each in folder.rglob("*") if each.suffix.lower() in PICTURES and _visible(each, folder)
    )
    if not found:
        raise InputError(f"{folder}: expected pictures ({', '.join(sorted(PICTURES))}) in it, found none")
    return found


def _visible(path: Path, folder: Path) -> bool:
    return path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)


def inside(name: str) -> bool:
    """A name that a file gives is a path below the folder that it is looked for in."""
    path = PurePosixPath(name.replace("\\", "/"))
    return bool(name) and not path.is_absolute() and ".." not in path.parts and ":" not in path.parts[0]


def read_bounded(path: Path, limit: int, what: str) -> bytes:
    """The content of a file.

    Raises:
        InputError: it cannot be read, or is larger than `limit` bytes.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}. Expected {what}") from error
    if len(content) > limit:
        raise InputError(
            f"{path}: larger than {limit} bytes, which is more than {what} has. Is it the right file?"
        )
    return content
