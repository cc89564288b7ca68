"""A small seeded network that writes words for letters, as parts in both runtimes; what it means is nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemm.card import TextRecipe
from edgemm.model.load import load_part
from edgemm.tasks.sequence import SequenceDriver, SequenceRecipe
from edgemm.tasks.sequence.session import SequenceSession

if TYPE_CHECKING:
    from translation_network import Translation

LETTERS = ("<pad>", *"abcdefghij ")
WORDS = ("<pad>", "<begin>", "<end>", *(f"{a}{b}" for a in "klmnp" for b in "aeiou"))
PAD, BEGIN, END = 0, 1, 2
SOURCE, TARGET = 12, 14
ASSETS = {"letters": "\n".join(LETTERS).encode(), "words": "\n".join(WORDS).encode()}
RECIPE = SequenceRecipe(
    source=TextRecipe(tokenizer="characters", vocabulary="letters"),
    target=TextRecipe(tokenizer="words", vocabulary="words"),
    begin=(BEGIN,),
    end=(END,),
)


def small_network(seed: int = 3, **sizes: Any) -> Translation:
    """Untrained. Its scores are far apart, so that no rounding changes what is written."""
    import torch
    from translation_network import Sizes, Translation

    torch.manual_seed(seed)
    network = Translation(
        Sizes(len(LETTERS), len(WORDS), width=16, heads=2, hidden=24, encoder_layers=2, decoder_layers=2,
              longest=24, tied=False, **sizes)
    )  # fmt: skip
    network.eval()
    with torch.no_grad():
        network.scores.weight *= 4
        for table in (network.source_table, network.target_table):
            table.weight *= 3
    return network


def exported(network: Translation, folder: Path, *, growing: bool = False) -> dict[str, Path]:
    """Its float parts: role -> .onnx file."""
    from translation_parts import export_parts

    files = export_parts(
        network, folder, source_length=SOURCE, target_length=TARGET, growing=growing, name="small"
    )
    return dict(zip(("encoder", "decoder"), files, strict=True))


@contextmanager
def session_of(
    files: Mapping[str, Path], recipe: SequenceRecipe = RECIPE, assets: Mapping[str, bytes] = ASSETS
) -> Iterator[SequenceSession]:
    """A session of these parts."""
    with ExitStack() as stack:
        models = {role: load_part(path) for role, path in files.items()}
        for model in models.values():
            stack.callback(model.close)
        parts = {role: model.part() for role, model in models.items()}
        session = SequenceDriver().session(recipe, parts, assets, {})
        stack.callback(session.close)
        yield session
