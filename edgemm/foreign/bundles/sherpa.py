"""What the folders of sherpa-onnx have in common: `tokens.txt`, features, streaming encoders and their caches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgemm.errors import CardError
from edgemm.foreign.bundles.listing import Listing, listed
from edgemm.foreign.onnx_file import OnnxFile
from edgemm.tensors import TensorSpec
from edgemm.token_list import read_tokens

RATE, HOP = 16000, 160
SUBSAMPLING = 4
"""Frames that one step of these encoders stands for."""
_BLANKS = ("<blk>", "<blank>", "<eps>")
_SILENT = ("<unk>", "<sos/eos>", "<sos>", "<eos>")
_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")


@dataclass(frozen=True, slots=True)
class Tokens:
    """A `tokens.txt`."""

    file: str
    symbols: tuple[str, ...]

    @property
    def writing(self) -> dict[str, Any]:
        """How they spell, as recipes say it."""
        blank = next((self.symbols.index(each) for each in _BLANKS if each in self.symbols), 0)
        silent = [each for each in _SILENT if each in self.symbols[:blank] + self.symbols[blank + 1 :]]
        return {"blank": blank, "units": "pieces", "separator": "▁", "ignored": silent}


def tokens_of(listing: Listing) -> Tokens:
    """The list of tokens.

    Raises:
        CardError: there is none, or there are several.
        ArtifactError: it is damaged.
    """
    name = listing.one("tokens", r"tokens\.txt", "tokens.txt")
    symbols = read_tokens(listing.text(name), name)
    if any(_BYTE.fullmatch(each) for each in symbols):
        listing.said.append(
            f"{name} has tokens of single bytes, which are written as they stand there (<0xE4>)"
        )
    return Tokens(name, symbols)


@dataclass(frozen=True, slots=True)
class StreamingEncoder:
    """One that takes a chunk of frames and its caches."""

    file: str
    frames: int
    """Of one step, those ahead counted in (`T`)."""
    chunk: int
    """Frames from one step to the next (`decode_chunk_len`)."""
    bands: int
    inputs: tuple[TensorSpec, ...]
    """With a batch of 1."""
    outputs: tuple[TensorSpec, ...]
    states: tuple[tuple[str, str], ...]
    """Output and input of each cache."""

    @property
    def frames_input(self) -> str:
        """Name of the input that is no cache."""
        caches = {name for _, name in self.states}
        return next(spec.name for spec in self.inputs if spec.name not in caches)

    @property
    def audio(self) -> dict[str, Any]:
        """How sound becomes frames: filter banks as Kaldi computes them, of samples from -1 to 1, up to 7600 Hz; the
        first frame is centred on half a hop (`snip_edges` false)."""
        return {
            "feature": "logmel", "version": 2, "sample_rate": RATE, "window": 400, "hop": HOP, "n_fft": 512,
            "n_mels": self.bands, "fmin": 20.0, "fmax": 7600.0, "mel_scale": "kaldi", "remove_dc": True,
            "preemphasis": 0.97, "window_type": "povey", "log": "floor", "log_offset": 1.1920928955078125e-07,
            "frames": self.frames, "stride": self.chunk * HOP, "lead": (400 - HOP) // 2,
        }  # fmt: skip

    def card(self) -> dict[str, Any]:
        """The inputs, outputs and states of its card."""
        return {
            "inputs": [{"name": s.name, "modality": "tensor", "shape": list(s.shape)} for s in self.inputs],
            "outputs": [{"name": spec.name, "shape": list(spec.shape)} for spec in self.outputs],
            "states": [{"output": output, "input": name} for output, name in self.states],
        }


def streaming_encoder(
    listing: Listing, file: str, outside: OnnxFile, said: Mapping[str, str]
) -> StreamingEncoder:
    """What an encoder says of itself, held to its tensors.

    Raises:
        CardError: it takes whole recordings, or has inputs whose meaning is not known.
    """
    kind = said.get("model_type", "")
    if said.get("feature", "") not in ("", "fbank"):
        raise CardError(
            f"{file}: expected filter banks as features, found {said['feature'][:80]!r}, which is not known here"
        )
    if not {"T", "decode_chunk_len"} <= said.keys():
        raise CardError(
            f"{file}: expected an encoder for streams, with T and decode_chunk_len in its metadata; found "
            f"{f'model_type {kind[:80]!r}' if kind else 'no model_type'} and {listed(sorted(said))}. One for whole "
            "recordings does not stream: take the folder of a streaming model"
        )
    frames, chunk = (_number(said, key, file) for key in ("T", "decode_chunk_len"))
    names = {spec.name for spec in outside.inputs}
    states = tuple(
        (spec.name, spec.name[4:])
        for spec in outside.outputs
        if spec.name[:4] == "new_" and spec.name[4:] in names
    )
    free = [spec for spec in outside.inputs if spec.name not in {name for _, name in states}]
    if (
        len(free) != 1
        or len(free[0].shape) != 3
        or free[0].shape[2] < 1
        or frames < chunk
        or chunk < SUBSAMPLING
    ):
        raise CardError(
            f"{file}: expected one input [N, {frames}, bands] beside caches that an output new_... gives back; found "
            f"{listed(f'{spec.name} {list(spec.shape)}' for spec in free)}"
            f"{f' (model_type {kind[:80]!r})' if kind else ''}: this kind of encoder is not known here"
        )
    (frames_in,) = free
    if frames_in.shape[1] not in (-1, frames):
        raise CardError(
            f"{file}: its metadata say T {frames}, its input {frames_in.name!r} has {list(frames_in.shape)}"
        )
    inputs = tuple(
        _closed(spec, (1, frames, spec.shape[2]) if spec is frames_in else None, file)
        for spec in outside.inputs
    )
    shapes = {spec.name: spec.shape for spec in inputs}
    caches = dict(states)
    outputs = tuple(_output(spec, caches, shapes, chunk // SUBSAMPLING, file) for spec in outside.outputs)
    return StreamingEncoder(file, frames, chunk, frames_in.shape[2], inputs, outputs, states)


def _output(
    spec: TensorSpec, caches: Mapping[str, str], shapes: Mapping[str, tuple[int, ...]], steps: int, file: str
) -> TensorSpec:
    if spec.name in caches:
        return TensorSpec(spec.name, shapes[caches[spec.name]], spec.dtype)
    if len(spec.shape) == 3 and spec.shape[2] > 0:
        return TensorSpec(
            spec.name, (1, steps if spec.shape[1] < 1 else spec.shape[1], spec.shape[2]), spec.dtype
        )
    return _closed(spec, None, file)


def _closed(spec: TensorSpec, shape: tuple[int, ...] | None, file: str) -> TensorSpec:
    """With a batch of 1: the one dimension that caches leave open."""
    found = shape or tuple(1 if size < 1 else size for size in spec.shape)
    if shape is None and sum(size < 1 for size in spec.shape) > 1:
        raise CardError(
            f"{file}: {spec.name!r}: expected one open dimension, the batch; found {list(spec.shape)}"
        )
    return TensorSpec(spec.name, found, spec.dtype)


def _number(said: Mapping[str, str], key: str, file: str) -> int:
    text = said[key]
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 1 << 16):
        raise CardError(f"{file}: metadata {key}: expected a number from 1 on, found {text[:80]!r}")
    return int(text)
