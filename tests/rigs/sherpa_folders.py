"""Folders as sherpa-onnx has them, of seeded networks: the true names of files, tensors and metadata, small sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import transducer_networks as networks
from needs import package
from transducer_networks import CONTEXT, TOKENS, WIDTH, Encoder, Tensors, to_onnx

NO_BATCH = -1


def save(
    path: Path,
    module: Any,
    inputs: Tensors,
    outputs: tuple[str, ...],
    said: dict[str, Any],
    batch: dict[str, int],
) -> None:
    """With the batch open, as exporters leave it.

    Args:
        batch: name of an input or output -> which of its dimensions is the batch; 0 where it is not named, and NO_BATCH
            where it has none.
    """
    model = to_onnx(module, inputs, outputs)
    for each in (*model.graph.input, *model.graph.output):
        dims = each.type.tensor_type.shape.dim
        if batch.get(each.name) == NO_BATCH:
            continue
        if each.name.startswith("new_") or each.name in batch:
            dims[batch.get(each.name.removeprefix("new_"), 0)].dim_param = "N"
        else:
            dims[0].dim_param = "N"
    for key, value in said.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, str(value)
    path.write_bytes(model.SerializeToString())


def batch_of(name: str) -> int:
    """The dimension that is the batch in a cache of that name."""
    second = ("cached_key", "cached_nonlin", "cached_val", "state")
    return 1 if name.startswith(second) else 0


def streaming_transducer(
    folder: Path, encoder: Encoder, kind: str, suffix: str = "-epoch-99-avg-1", **said: Any
) -> tuple[Any, Any]:
    """Encoder, decoder, joiner and tokens; gives the decoder and joiner in torch."""
    folder.mkdir(exist_ok=True)
    states = [name for name, *_ in encoder.states]
    save(
        folder / f"encoder{suffix}.onnx",
        encoder.module,
        (("x", (1, encoder.frames, networks.BANDS), "float32"), *encoder.states),
        ("encoder_out", *(f"new_{name}" for name in states)),
        {
            "model_type": kind, "version": "1", "model_author": "k2-fsa", "T": encoder.frames,
            "decode_chunk_len": encoder.chunk, **said,
        },
        {name: batch_of(name) for name in states},
    )  # fmt: skip
    decoder, joiner = networks.stateless(), networks.joiner()
    meta = {"context_size": CONTEXT, "vocab_size": len(TOKENS)}
    save(
        folder / f"decoder{suffix}.onnx", decoder, (("y", (1, CONTEXT), "int64"),), ("decoder_out",), meta, {}
    )
    rows = tuple((name, (1, WIDTH), "float32") for name in ("encoder_out", "decoder_out"))
    save(folder / f"joiner{suffix}.onnx", joiner, rows, ("logit",), {"joiner_dim": WIDTH}, {})
    (folder / "tokens.txt").write_bytes(networks.tokens_txt())
    return decoder, joiner


def quantized(path: Path) -> Path:
    """The same network with int8 weights, as the export scripts make it."""
    package("onnx")
    from onnxruntime.quantization import QuantType, quantize_dynamic

    small = path.with_suffix(".int8.onnx")
    quantize_dynamic(path, small, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8)
    return small


def streaming_ctc(folder: Path, encoder: Encoder, kind: str, name: str = "model.onnx") -> Any:
    """The network, which ends in the logarithms of probabilities, and the tokens; gives its last layer in torch."""
    torch = package("torch")
    torch.manual_seed(23)
    folder.mkdir(exist_ok=True)
    head = torch.nn.Linear(WIDTH, len(TOKENS))
    with torch.no_grad():
        head.weight.mul_(4.0)
        head.bias[0] += 2.0

    class Scored(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.head = encoder.module, head

        def forward(self, x: Any, *states: Any) -> Any:
            rows, *new = self.encoder(x, *states)
            return (torch.log_softmax(self.head(rows), -1), *new)

    states = [each for each, *_ in encoder.states]
    save(
        folder / name,
        Scored().eval(),
        (("x", (1, encoder.frames, networks.BANDS), "float32"), *encoder.states),
        ("log_probs", *(f"new_{each}" for each in states)),
        {
            "model_type": kind,
            "T": encoder.frames,
            "decode_chunk_len": encoder.chunk,
            "comment": "streaming ctc",
        },
        {each: batch_of(each) for each in states},
    )
    (folder / "tokens.txt").write_bytes(networks.tokens_txt())
    return head
