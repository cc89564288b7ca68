"""A folder as optimum exports a translator to: a seeded encoder and decoder with the true names, the two ways of the
decoder merged under `use_cache_branch`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from needs import package
from transducer_networks import Tensors, to_onnx

WORDS = (
    "<pad>",
    "</s>",
    "<unk>",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
)
PAD, END = 0, 1
WIDTH, HEADS, LAYERS = 16, 2, 2
HEAD = WIDTH // HEADS


class Networks(NamedTuple):
    """In torch."""

    encoder: Any
    """(ids[1, n], mask[1, n]) -> [1, n, WIDTH]"""
    whole: Any
    """(ids[1, m], memory[1, n, WIDTH], mask[1, n]) -> logits[1, m, words], without a cache"""
    first: Any
    """The way of the first step: gives the logits and all keys and values."""
    later: Any
    """The way of the others: takes a token and the caches; lengthens those of the decoder."""


def networks(seed: int = 2) -> Networks:
    """One set of weights in four forms."""
    torch = package("torch")
    nn = torch.nn
    torch.manual_seed(seed)

    def split(x: Any) -> Any:
        return x.reshape(x.shape[0], -1, HEADS, HEAD).transpose(1, 2)

    def joined(x: Any) -> Any:
        return x.transpose(1, 2).reshape(x.shape[0], -1, WIDTH)

    class Attention(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.q, self.k, self.v, self.o = (nn.Linear(WIDTH, WIDTH) for _ in range(4))

        def forward(self, x: Any, key: Any, value: Any, mask: Any) -> Any:
            scores = split(self.q(x)) @ key.transpose(2, 3) + (1.0 - mask) * -1e4
            return self.o(joined(torch.softmax(scores, -1) @ value))

        def keys(self, x: Any) -> tuple[Any, Any]:
            return split(self.k(x)), split(self.v(x))

    table = nn.Embedding(len(WORDS), WIDTH)
    own, across = (nn.ModuleList([Attention() for _ in range(LAYERS)]) for _ in range(2))
    mixed, last = Attention(), nn.Linear(WIDTH, len(WORDS))
    with torch.no_grad():
        last.weight.mul_(6.0)
        last.bias[PAD] -= 100.0  # as Marian's bias does
        for each in (*own, *across, mixed):
            each.v.weight.mul_(3.0)
            each.q.weight.mul_(3.0)

    def layered(x: Any, caches: list[Any], memory_mask: Any) -> tuple[Any, list[Any]]:
        """caches: key and value of the decoder's past, then of the encoder, for each layer."""
        kept = []
        steps = x.shape[1]
        for layer in range(LAYERS):
            past_key, past_value, key, value = caches[4 * layer : 4 * layer + 4]
            new_key, new_value = own[layer].keys(x)
            all_key, all_value = torch.cat([past_key, new_key], 2), torch.cat([past_value, new_value], 2)
            past = all_key.shape[2] - steps
            causal = torch.ones(steps, steps + past).tril(past)
            x = x + own[layer](x, all_key, all_value, causal)
            x = x + across[layer](x, key, value, memory_mask[:, None, None].to(x.dtype))
            x = nn.functional.layer_norm(x, (WIDTH,))
            kept += [all_key, all_value, key, value]
        return last(x), kept

    def of_memory(memory: Any) -> list[Any]:
        empty = torch.zeros(1, HEADS, 0, HEAD)
        return [each for layer in across for each in (empty, empty, *layer.keys(memory))]

    class Encoder(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.table, self.mixed = table, mixed

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            x = self.table(input_ids)
            return x + self.mixed(x, *self.mixed.keys(x), attention_mask[:, None, None].to(x.dtype))

    class First(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.table, self.own, self.across, self.last = table, own, across, last

        def forward(self, mask: Any, ids: Any, memory: Any) -> Any:
            logits, kept = layered(table(ids), of_memory(memory), mask)
            return (logits, *kept)

    class Later(First):
        def forward(self, mask: Any, ids: Any, *caches: Any) -> Any:
            logits, kept = layered(table(ids), list(caches), mask)
            return (logits, *(each for at, each in enumerate(kept) if at % 4 < 2))

    first = First().eval()
    return Networks(
        Encoder().eval(), lambda ids, memory, mask: first(mask, ids, memory)[0], first, Later().eval()
    )


def caches(prefix: str) -> list[str]:
    """Names, in the order of optimum."""
    return [
        f"{prefix}.{layer}.{side}.{what}"
        for layer in range(LAYERS)
        for side in ("decoder", "encoder")
        for what in ("key", "value")
    ]


def speech_encoder(kind: str, seed: int = 4) -> Any:
    """As Whisper's, input_features[1, 8, 3000] -> [1, 75, WIDTH]; or as Moonshine's, input_values[1, n] and a mask ->
    [1, n / 400, WIDTH]."""
    torch = package("torch")
    torch.manual_seed(seed)

    class Encoder(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            bands, step = (8, 40) if kind == "whisper" else (1, 400)
            self.join = torch.nn.Conv1d(bands, WIDTH, step, stride=step)

        def forward(self, sound: Any, mask: Any = None) -> Any:
            if kind == "whisper":
                return 4.0 * torch.tanh(self.join(sound)).transpose(1, 2)
            heard = (sound * mask.to(sound.dtype)).unsqueeze(1)
            return 4.0 * torch.tanh(20.0 * self.join(heard)).transpose(1, 2)

    return Encoder().eval()


def speech_folder(folder: Path, made: Networks, encoder: Any, kind: str, **config: Any) -> Path:
    """A folder with Whisper or Moonshine."""
    onnx = package("onnx")
    folder_of(folder, made, model_type=kind, decoder_start_token_id=3, bad_words_ids=None, **config)
    inputs: Tensors = (("input_features", (1, 8, 3000), "float32"),)
    axes: dict[str, dict[int, str]] = {"input_features": {0: "batch"}, "last_hidden_state": {0: "batch"}}
    if kind == "moonshine":
        inputs = (("input_values", (1, 4000), "float32"), ("attention_mask", (1, 4000), "int64"))
        axes = {name: {0: "batch", 1: "n"} for name in ("input_values", "attention_mask")}
        axes["last_hidden_state"] = {0: "batch", 1: "m"}
    onnx.save(to_onnx(encoder, inputs, ("last_hidden_state",), open_axes=axes), folder / "encoder_model.onnx")
    decoder = onnx.load(folder / "decoder_model_merged.onnx")
    _without_mask(decoder)
    onnx.save(decoder, folder / "decoder_model_merged.onnx")
    return folder


def _without_mask(decoder: Any) -> None:
    """All of the encoder's answer counts, as in Whisper's: the mask is made inside."""
    onnx = package("onnx")
    helper = onnx.helper
    graph = decoder.graph
    kept = [each for each in graph.input if each.name != "encoder_attention_mask"]
    del graph.input[:]
    graph.input.extend(kept)
    one = helper.make_tensor("one", onnx.TensorProto.INT64, [1], [1])
    nodes = [
        helper.make_node("Shape", ["encoder_hidden_states"], ["sizes"], start=0, end=2),
        helper.make_node("ConstantOfShape", ["sizes"], ["encoder_attention_mask"], value=one),
    ]
    for at, node in enumerate(nodes):
        graph.node.insert(at, node)


def folder_of(folder: Path, made: Networks, *, inside: str = "", **config: Any) -> Path:
    """The folder.

    Args:
        inside: "onnx" for networks in a folder of that name.
        config: keys of config.json instead of the usual ones.
    """
    onnx = package("onnx")
    tokenizers = package("tokenizers")
    place = folder / inside
    place.mkdir(exist_ok=True)
    read = (("input_ids", (1, 5), "int64"), ("attention_mask", (1, 5), "int64"))
    encoder = to_onnx(made.encoder, read, ("last_hidden_state",), open_axes={
        "input_ids": {0: "batch", 1: "n"}, "attention_mask": {0: "batch", 1: "n"},
        "last_hidden_state": {0: "batch", 1: "n"},
    })  # fmt: skip
    onnx.save(encoder, place / "encoder_model.onnx")
    onnx.save(_merged(made), place / "decoder_model_merged.onnx")
    words = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="<unk>")
    )
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.post_processor = tokenizers.processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", END)])
    words.add_special_tokens(["<pad>", "</s>", "<unk>"])
    words.save(str(folder / "tokenizer.json"))
    usual = {
        "model_type": "marian", "is_encoder_decoder": True, "decoder_start_token_id": PAD, "eos_token_id": END,
        "pad_token_id": PAD, "vocab_size": len(WORDS), "max_position_embeddings": 64, "bad_words_ids": [[PAD]],
        "max_length": 12, "num_beams": 1,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(usual | config))
    (folder / "generation_config.json").write_text(
        json.dumps({"max_length": 10, "transformers_version": "4.40.0"})
    )
    return folder


def _merged(made: Networks) -> Any:
    """One graph, an `If` around the two ways. Those caches that the later way does not give anew are empty there."""
    onnx = package("onnx")
    helper, compose, types = onnx.helper, onnx.compose, onnx.TensorProto
    some = ("encoder_attention_mask", (1, 5), "int64"), ("input_ids", (1, 3), "int64")
    one = ("encoder_attention_mask", (1, 5), "int64"), ("input_ids", (1, 1), "int64")
    memory = ("encoder_hidden_states", (1, 5, WIDTH), "float32")
    pasts: Tensors = tuple(
        (name, (1, HEADS, 5 if "encoder" in name else 4, HEAD), "float32")
        for name in caches("past_key_values")
    )
    presents = caches("present")
    axes: dict[str, dict[int, str]] = {
        "encoder_attention_mask": {0: "batch", 1: "n"}, "input_ids": {0: "batch", 1: "m"},
        "encoder_hidden_states": {0: "batch", 1: "n"}, "logits": {0: "batch", 1: "m"},
    }  # fmt: skip
    axes |= {name: {0: "batch", 2: "n" if "encoder" in name else "p"} for name, *_ in pasts}
    axes |= {name: {0: "batch", 2: "n" if "encoder" in name else "q"} for name in presents}
    grown = [name for name in presents if ".decoder." in name]
    first = to_onnx(made.first, (*some, memory), ("logits", *presents), open_axes=axes)
    later = to_onnx(made.later, (*one, *pasts), ("logits", *grown), open_axes=axes)
    graphs = []
    for name, model in (("first", first), ("later", later)):
        kept = {each.name for each in model.graph.input}
        graph = compose.add_prefix_graph(model.graph, f"{name}.", rename_inputs=False, rename_outputs=True)
        for node in graph.node:  # inputs of the outer graph keep their names
            for at, each in enumerate(node.input):
                if each.removeprefix(f"{name}.") in kept:
                    node.input[at] = each.removeprefix(f"{name}.")
        del graph.input[:]
        graphs.append(graph)
    gives = {each.name.removeprefix("later."): each for each in graphs[1].output}
    del graphs[1].output[:]
    for name in ("logits", *presents):
        if name in gives:
            graphs[1].output.append(gives[name])
            continue
        empty = helper.make_tensor(f"later.{name}.value", types.FLOAT, [0, HEADS, 1, HEAD], [])
        graphs[1].node.append(helper.make_node("Constant", [], [f"later.{name}"], value=empty))
        graphs[1].output.append(
            helper.make_tensor_value_info(f"later.{name}", types.FLOAT, [0, HEADS, 1, HEAD])
        )
    outer = ["logits", *presents]
    node = helper.make_node("If", ["use_cache_branch"], outer, then_branch=graphs[1], else_branch=graphs[0])
    inputs = [*first.graph.input, *(each for each in later.graph.input if each.name.startswith("past"))]
    flag = helper.make_tensor_value_info("use_cache_branch", types.BOOL, [1])
    graph = helper.make_graph([node], "merged", [*inputs, flag], list(first.graph.output))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model
