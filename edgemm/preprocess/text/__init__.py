"""From a text to the tensors that hold its tokens: ids, mask, types.

    prepare = compile_text(card.inputs, specs, card.files)
    mask = prepare("some text", None, write)            write(place, array) takes the tensor of one input

tokenizer.py   the seam: what every tokenizer gives, and the table of kinds
complete.py    tokenizers that know their special tokens: tokenizer.json, WordPiece (package tokenizers)
pieces.py      SentencePiece, words, characters, bytes: the card's ids are put around what they give
pattern.py     which texts are taken, where a recipe says it
joined.py      the other way: from ids to a text
tensors.py     tokens, cut and filled up, as the tensors store them
"""

from edgemm.preprocess.text.joined import Joined, make_joined
from edgemm.preprocess.text.pattern import Pattern
from edgemm.preprocess.text.tensors import TextPreprocessor, compile_text

__all__ = ["Joined", "Pattern", "TextPreprocessor", "compile_text", "make_joined"]
