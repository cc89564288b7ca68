"""A folder as sherpa-onnx has Whisper: a seeded encoder and decoder with the true names of files, tensors and metadata,
and caches of a fixed length that `offset` says the place in."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, NamedTuple

from needs import package
from sherpa_folders import save
from transducer_networks import Tensors

WORDS = (b" one", b" two", b" th", b"ree", b" \xc3", b"\xa4pfel", b" five", b".")
END = len(WORDS)
START, ENGLISH, GERMAN, TRANSLATE, TRANSCRIBE, SILENT = range(END + 1, END + 7)
COUNT, WIDTH, LAYERS, ROOM, BANDS, FRAMES, HEARD = END + 7, 8, 2, 16, 8, 3000, 50


class Whisper(NamedTuple):
    """In torch."""

    encoder: Any
    """mel[1, BANDS, FRAMES] -> keys and values of each layer, [LAYERS, 1, HEARD, WIDTH] each."""
    whole: Any
    """(tokens[1, n], keys, values) -> logits[1, n, COUNT], without a cache."""


def write(folder: Path, name: str = "tiny", seed: int = 8, *, cut: bool = False) -> Whisper:
    """The folder, and what it computes.

    Args:
        cut: the decoder looks at the caches up to `offset`, and needs no mask over them.
    """
    torch = package("torch")
    nn = torch.nn
    torch.manual_seed(seed)

    def linear() -> Any:
        return nn.Linear(WIDTH, WIDTH)

    class Encoder(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.join = nn.Conv1d(BANDS, WIDTH, FRAMES // HEARD, stride=FRAMES // HEARD)
            self.keys, self.values = (nn.ModuleList([linear() for _ in range(LAYERS)]) for _ in range(2))

        def forward(self, mel: Any) -> Any:
            heard = 4.0 * torch.tanh(self.join(mel)).transpose(1, 2)
            return tuple(torch.stack([each(heard) for each in side]) for side in (self.keys, self.values))

    class Layer(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.q, self.k, self.v, self.cross = (linear() for _ in range(4))

        def forward(self, x: Any, key: Any, value: Any, cross_key: Any, cross_value: Any, mask: Any) -> Any:
            scores = self.q(x) @ key.transpose(1, 2) * 3.0 + mask
            x = x + torch.softmax(scores, -1) @ value
            x = x + torch.softmax(self.cross(x) @ cross_key.transpose(1, 2) * 3.0, -1) @ cross_value * 3.0
            return nn.functional.layer_norm(x, (WIDTH,))

    class Decoder(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.table, self.places = nn.Embedding(COUNT, WIDTH), nn.Embedding(ROOM, WIDTH)
            self.layers = nn.ModuleList([Layer() for _ in range(LAYERS)])
            self.last = nn.Linear(WIDTH, COUNT)
            with torch.no_grad():
                self.last.weight.mul_(5.0)

        def whole(self, tokens: Any, cross_k: Any, cross_v: Any) -> Any:
            count = tokens.shape[1]
            x = self.table(tokens) + self.places.weight[:count]
            mask = torch.full((count, count), -1e4).triu(1)
            for at, layer in enumerate(self.layers):
                x = layer(x, layer.k(x), layer.v(x), cross_k[at], cross_v[at], mask)
            return self.last(x)

        def forward(
            self, tokens: Any, past_k: Any, past_v: Any, cross_k: Any, cross_v: Any, offset: Any
        ) -> Any:
            places = torch.arange(ROOM)
            here = (places == offset).to(torch.float32)[None, :, None]
            mask = torch.where(places <= offset, 0.0, -1e4)
            x = self.table(tokens) + self.places(offset)[None]
            keys, values = [], []
            for at, layer in enumerate(self.layers):
                keys.append(past_k[at] * (1 - here) + layer.k(x) * here)
                values.append(past_v[at] * (1 - here) + layer.v(x) * here)
                x = layer(x, keys[-1], values[-1], cross_k[at], cross_v[at], mask)
            return self.last(x), torch.stack(keys), torch.stack(values)

    class Cutting(Decoder):
        def forward(
            self, tokens: Any, past_k: Any, past_v: Any, cross_k: Any, cross_v: Any, offset: Any
        ) -> Any:
            count = offset[0] + tokens.shape[1]
            x = self.table(tokens) + self.places.weight[offset[0] : count][None]
            for at, layer in enumerate(self.layers):
                key, value = past_k[at, :, :count], past_v[at, :, :count]
                key[:, -1:], value[:, -1:] = layer.k(x), layer.v(x)
                past_k[at, :, :count], past_v[at, :, :count] = key, value
                x = layer(x, key, value, cross_k[at], cross_v[at], torch.zeros(1, 1))
            return self.last(x), past_k, past_v

    encoder, decoder = Encoder().eval(), (Cutting() if cut else Decoder()).eval()
    said = {
        "model_type": f"whisper-{name}", "version": "1", "maintainer": "k2-fsa", "n_mels": BANDS, "n_vocab": COUNT,
        "n_text_ctx": ROOM, "n_text_state": WIDTH, "n_text_layer": LAYERS, "eot": END, "sot": START, "blank_id": 0,
        "sot_sequence": f"{START},{ENGLISH},{TRANSCRIBE}", "no_timestamps": SILENT, "is_multilingual": 1,
        "all_language_tokens": f"{ENGLISH},{GERMAN}", "all_language_codes": "en,de", "non_speech_tokens": "7",
        "translate": TRANSLATE, "transcribe": TRANSCRIBE,
    }  # fmt: skip
    cross = ("n_layer_cross_k", "n_layer_cross_v")
    own = ("n_layer_self_k_cache", "n_layer_self_v_cache")
    batch = dict.fromkeys((*cross, *(f"{way}_{each}" for way in ("in", "out") for each in own)), 1)
    mel: Tensors = (("mel", (1, BANDS, FRAMES), "float32"),)
    save(folder / f"{name}-encoder.onnx", encoder, mel, cross, said, batch)
    inputs: Tensors = (
        ("tokens", (1, 1), "int64"),
        *((f"in_{each}", (LAYERS, 1, ROOM, WIDTH), "float32") for each in own),
        *((each, (LAYERS, 1, HEARD, WIDTH), "float32") for each in cross),
        ("offset", (1,), "int64"),
    )
    outputs = ("logits", *(f"out_{each}" for each in own))
    save(folder / f"{name}-decoder.onnx", decoder, inputs, outputs, {}, batch | {"offset": -1})
    lines = [f"{base64.b64encode(each).decode()} {at}" for at, each in enumerate(WORDS)]
    (folder / f"{name}-tokens.txt").write_text("\n".join(lines) + "\n")
    return Whisper(encoder, decoder.whole)
