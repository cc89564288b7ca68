"""Writes docs/cards.md, docs/bundles.md and docs/filters.md from the dataclasses of cards, app files, bundles and
filters: `python scripts/card_reference.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgemm.app.recipe import AppRecipe
from edgemm.card import ModelCard
from edgemm.card.bundle_card import BundleAsset, BundleCard, BundleGolden, BundlePart
from edgemm.card.key_reference import Key, drivers, keys, objects, recipes
from edgemm.filters.table import FILTERS, find_filter

DOCS = Path(__file__).parents[1] / "docs"
INTRODUCTION = """\
# Cards and app files, key by key

This page is written by `python scripts/card_reference.py` from the docstrings in `edgemm/`; correct them there.

A **card** says what a model takes and gives. It is JSON inside the model file:

```bash
edgemm card new digits.tflite --preset imagenet -o digits.card.json   # a card to fill in, every key explained
edgemm card set digits.tflite digits.card.json                        # checks it against the model, and writes it
edgemm card show digits.tflite
edgemm run digits.tflite --source pictures/ --card digits.card.json   # or only for this run
```

An **app file** says which models run on which sources; `edgemm run app.json` runs it. `examples/kiosk` has one.

- Every key may be left out unless it is required. A card is at most 4 MiB, a list in it at most 100,000 entries long
  (50,000 labels are fine), a text 65,536 characters.
- Names of tensors, shapes and layouts that a card leaves out, or has otherwise, are taken from the model file.
- A key that is not listed here is refused by `edgemm card set` and `edgemm convert`, with the key that was probably
  meant; a model file that has one loads with a warning. Keys that begin with `x-` are your own notes and are kept.
- A task that this version does not decode is written by `edgemm card set`, with a note that `edgemm run` refuses the
  file: a later version may decode it.
- `"schema"` is `"edgemm.card/1"` in a card, and `"edgemm.app/1"`, required, in an app file.
"""
FILTERS_INTRODUCTION = """\
# Filters, one by one

This page is written by `python scripts/card_reference.py` from the docstrings in `edgemm/filters/`; correct them there.

A filter is OpenCV's, by its name, with settings behind a `?` and `&` between them. In front of a model it changes what
the model sees; alone its pictures are the results. Each has a stage of its own name in the summary.

```bash
edgemm run --filter gaussian --filter "canny?low=50&high=150" --source camera:0 --show
edgemm run plates.tflite --filter clahe --source camera:0 --max-age 100
```

```python
edges = edgemm.Filter("gaussian?size=5", "canny?low=50&high=150")
edges(frame).pixels  # a Picture, uint8[height, width]
with edgemm.Filter("clahe").then(model).stream(camera) as stream:
    ...
```

In an app file: `"filters": ["median?size=3", "clahe"]`, with or without a `"model"`.

- A filter keeps the size of a picture: places that a model finds are those of the frame.
- `gray`, the thresholds and the filters of edges give a grey picture, the others one of the colours they are given.
- The edge of a picture is mirrored, except where a filter of shapes or a median looks beyond it.
"""
PLACES = {
    "ModelCard": "A card",
    "InputCard": "An entry of `inputs`",
    "OutputCard": "An entry of `outputs`",
    "ImageRecipe": "`image`, in an entry of `inputs`",
    "AudioRecipe": "`audio`, in an entry of `inputs`",
    "LatentRecipe": "`latent`, in an entry of `inputs`",
    "TextRecipe": "`text`, in an entry of `inputs`",
    "PointsRecipe": "`points`, in an entry of `inputs`",
    "StatePair": "An entry of `states`",
    "HistoryStep": "An entry of `history`",
    "AppRecipe": "An app file",
    "StreamRecipe": "An entry of `streams`",
    "StageRecipe": "An entry of `then`, in an entry of `streams`",
    "Crop": "`crop`, in an entry of `then`, and `next` in `track`",
    "Track": "`track`, in an entry of `then`",
    "Smooth": "`smooth`, in an entry of `then`, and in `track`",
    "RecordRecipe": "`record`",
    "When": "`when`, in an entry of `streams` or in `record`",
}
"""Name of a dataclass -> where it stands in the file."""


BUNDLE_PLACES: dict[type, str] = {
    BundleCard: "bundle.json",
    BundlePart: "An entry of `parts`",
    BundleAsset: "An entry of `assets`",
    BundleGolden: "An entry of `goldens`",
}
"""Dataclass -> where it stands in bundle.json."""


def bundle_page() -> str:
    """The whole page of bundles."""
    parts = [(DOCS.parent / "scripts" / "bundles.start.md").read_text(encoding="utf-8")]
    parts += [_section(kind, 2 if kind is BundleCard else 3, place) for kind, place in BUNDLE_PLACES.items()]
    parts += ["## Drivers\n"]
    parts += [part for name, driver in drivers().items() for part in _driver(name, driver)]
    return "\n".join(parts)


def _driver(name: str, driver: Any) -> list[str]:
    """What it needs, and its settings."""
    needs = {
        "parts": driver.roles,
        "and where they are there": getattr(driver, "optional", ()),
        "assets": getattr(driver, "assets", ()),
    }
    told = "; ".join(
        f"{what} {', '.join(f'`{each}`' for each in each_)}" for what, each_ in needs.items() if each_
    )
    main, *inner = objects(driver.Recipe)
    section = [_section(main, 3, f"`{name}`, for the driver of that name")]
    section += [_section(kind, 4, f"`{kind.__name__}`, inside `{name}`") for kind in inner]
    turned = ", ".join(f"`{each}`" for each in driver.Recipe.OPTIONS)
    said = f"Also set at run time, by `load(..., NAME=VALUE)` or `--set NAME=VALUE`: {turned}.\n"
    head, _, table = section[0].partition("\n\n")
    takes = f"Takes {driver.modality}, for {driver.task}. Needs {told}.\n"
    return ["\n\n".join([head, takes.rstrip("\n"), table]), *section[1:], *([said] if turned else [])]


def filters_page() -> str:
    """The whole page of filters."""
    return "\n".join([FILTERS_INTRODUCTION, *(_filter(name) for name in FILTERS)])


def _filter(name: str) -> str:
    kind = find_filter(name)
    head, _, table = _section(kind, 2, f"`{name}`").partition("\n\n")
    said = " ".join((kind.__doc__ or "").split())
    return "\n\n".join([head, said, *([table] if keys(kind) else [""])])


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    parts += _sections(ModelCard)
    parts += [_recipe(name, kind) for name, kind in recipes().items()]
    parts += _sections(AppRecipe)
    return "\n".join(parts)


def _sections(root: type) -> list[str]:
    return [_section(kind, 2 if kind is root else 3, PLACES[kind.__name__]) for kind in objects(root)]


def _recipe(task: str, kind: Any) -> str:
    turned = ", ".join(f"`{name}`" for name in kind.OPTIONS)
    said = f"Also set at run time, by `load(..., NAME=VALUE)` or `--set NAME=VALUE`: {turned}.\n"
    return "\n".join([_section(kind, 3, f"`{task}`, for the task of that name"), *([said] if turned else [])])


def _section(kind: type, level: int, place: str) -> str:
    head = f"{'#' * level} {place}\n"
    table = ["| key | type | unit | default | allowed | meaning |", "| --- | --- | --- | --- | --- | --- |"]
    return "\n".join([head, *table, *map(_row, keys(kind)), ""])


def _row(key: Key) -> str:
    cells = (f"`{key.name}`", key.type, key.unit, _code(key.default), _code(key.allowed), key.meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _code(text: str) -> str:
    return text if not text or text in ("required",) or " to " in text else f"`{text}`"


if __name__ == "__main__":
    (DOCS / "cards.md").write_text(page(), encoding="utf-8")
    (DOCS / "bundles.md").write_text(bundle_page(), encoding="utf-8")
    (DOCS / "filters.md").write_text(filters_page(), encoding="utf-8")
