"""Several .tflite files as one, with a signature each: what is stored alike in them is stored once.

A decoder with caches of 64 and of 256 tokens is two files of the same weights. Put together they are little larger than
one, and a part steps through either (`Part.step(feeds, signature="step_64")`), its states shared by name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgemm import atomic
from edgemm.artifact import read_artifact, write_artifact
from edgemm.artifact.trust import remember
from edgemm.backends.litert import REMEMBERING
from edgemm.card import ModelCard
from edgemm.converters.tflite.builder import pack_model
from edgemm.converters.tflite.schema import enum, enum_names, schema
from edgemm.errors import CardError, ConversionError, InputError

if TYPE_CHECKING:
    from edgemm.artifact import Artifact
    from edgemm.converters.worker.client import Session

Array = npt.NDArray[Any]
_SUBGRAPH = "SubgraphIndex"
"""The options of an operator that runs another subgraph end with it: thenSubgraphIndex, bodySubgraphIndex."""
_RUNTIME = "min_runtime_version"
_SHARED = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "HASHTABLE", "CALL_ONCE", *sorted(REMEMBERING))
"""Operators on what the signatures of one file would have in common."""


@dataclass(frozen=True, slots=True)
class MergedSignatures:
    """What was written."""

    path: Path
    signatures: tuple[str, ...]
    size_bytes: int
    sources_bytes: int
    """Of all the files that it was put together from."""


def merge_signatures(files: Mapping[str, str | Path], output: str | Path) -> MergedSignatures:
    """Puts .tflite files together into one. Each signature is run, and must answer what its own file answers, bit for
    bit; otherwise nothing is written.

    Args:
        files: name of a signature -> its file. The first is what a runtime runs that asks for none, and its card is
            kept, with the states of all.
        output: ends in .tflite; one of that name is replaced, but for the files themselves.

    Raises:
        InputError: no files, the output is one of them, one that is no .tflite file, or a name that none can have.
        RunFailed: the runtime refuses a file.
        ConversionError: a file has several signatures, keeps variables, which all would share, or has its weights
            outside; or a signature answers otherwise than its file.
        CardError: the cards name other states for the same input.
    """
    where, sources = Path(output), _read(files)
    if where.suffix.lower() != ".tflite":
        raise InputError(f"{where}: the name must end in .tflite, which alone has signatures")
    for path in files.values():
        atomic.refuse_source(path, where, "the output")
    first = next(iter(sources.values()))
    made = _Merging()
    for name, artifact in sources.items():
        made.add(name, artifact)
    payload, card = made.packed(), _card(sources)
    _check(sources, payload, made.files)
    artifact = write_artifact(where, payload, card, first.goldens, first.associated)
    remember(artifact, "made")
    return MergedSignatures(
        where, tuple(sources), artifact.size_bytes, sum(each.size_bytes for each in sources.values())
    )


def _read(files: Mapping[str, str | Path]) -> dict[str, Artifact]:
    if not isinstance(files, Mapping) or not files:
        raise InputError("files: expected a mapping, name of a signature -> .tflite file, found none")
    found = {}
    for name, path in files.items():
        if not name or not name.isprintable() or len(name) > 200:
            raise InputError(f"signature {name[:80]!r}: expected a name of 1 to 200 printable characters")
        artifact = read_artifact(path)
        if artifact.format != "tflite":
            raise InputError(f"{path}: expected a .tflite file, which alone has signatures")
        found[name] = artifact
    return found


def _card(sources: Mapping[str, Artifact]) -> ModelCard | None:
    """The first's, with the states of all.

    Raises:
        CardError: two of them for one input.
    """
    card = next(iter(sources.values())).card
    states = {pair.input: pair for pair in (card.states if card else ())}
    for name, artifact in sources.items():
        for pair in artifact.card.states if artifact.card else ():
            if states.setdefault(pair.input, pair) != pair:
                raise CardError(
                    f"signature {name!r}: expected the state {pair.input!r} to be {states[pair.input].output!r}, of "
                    f"kind {states[pair.input].kind}, as in the first file, found {pair.output!r}, of kind {pair.kind}"
                )
    if card is None and not states:
        return None
    return (card or ModelCard()).with_(states=tuple(states.values()), payload_sha256="")


class _Merging:
    """One model that others are put into."""

    def __init__(self) -> None:
        self._model = schema().ModelT()
        self._model.version, self._model.description = 3, "edgemm"
        self._model.buffers = [schema().BufferT()]
        self._model.operatorCodes, self._model.subgraphs = [], []
        self._model.metadata, self._model.signatureDefs = [], []
        self._stored: dict[bytes, int] = {}
        self._codes: dict[tuple[Any, ...], int] = {}
        self._runtime = b""
        self.files: dict[str, _File] = {}
        """By the names of their signatures."""

    def add(self, signature: str, artifact: Artifact) -> None:
        """Another file, under the name of its signature."""
        model = schema().ModelT.InitFromPackedBuf(artifact.payload, 0)
        base, first = len(self._model.subgraphs), not self._model.subgraphs
        self._refuse(artifact, model)
        self.files[signature] = _file(model)
        buffers = [self._buffer(artifact, each) for each in model.buffers]
        codes = [self._code(each) for each in model.operatorCodes]
        for graph in model.subgraphs:
            for tensor in graph.tensors:
                tensor.buffer = buffers[tensor.buffer]
            for operator in graph.operators or ():
                operator.opcodeIndex = codes[operator.opcodeIndex]
                for options in (operator.builtinOptions, getattr(operator, "builtinOptions2", None)):
                    _move_calls(options, base)
            self._model.subgraphs.append(graph)
        model.subgraphs[0].name = signature
        for entry in model.metadata or ():
            self._keep_metadata(entry, model, buffers, first=first)
        self._model.signatureDefs.append(_signature(signature, model, base))

    def packed(self) -> bytes:
        """The file."""
        if self._runtime:
            self._metadata(_RUNTIME, self._add_buffer(self._runtime))
        return pack_model(self._model)

    def _refuse(self, artifact: Artifact, model: Any) -> None:
        if len(model.signatureDefs or ()) > 1:
            raise ConversionError(
                f"{artifact.path}: expected a file of one signature, found {len(model.signatureDefs)}. Give the files "
                "that it was put together from"
            )
        shared = {enum("BuiltinOperator", name): name for name in _SHARED}
        for each in model.operatorCodes:
            code = max(each.builtinCode, each.deprecatedBuiltinCode)
            if code in shared:
                raise ConversionError(
                    f"{artifact.path}: has {shared[code]}, and the signatures of one file share what that keeps. Give "
                    "files whose states are inputs and outputs, as `edgemm convert --stepwise` makes them"
                )

    def _buffer(self, artifact: Artifact, buffer: Any) -> int:
        if getattr(buffer, "offset", 0) > 1 or getattr(buffer, "size", 0) > 1:
            raise ConversionError(
                f"{artifact.path}: expected weights inside its flatbuffer, found them behind it"
            )
        content = b"" if buffer.data is None else bytes(buffer.data)
        return self._add_buffer(content) if content else 0

    def _add_buffer(self, content: bytes) -> int:
        key = hashlib.sha256(content).digest()
        if key not in self._stored:
            made = schema().BufferT()
            made.data = np.frombuffer(content, np.uint8)
            self._stored[key] = len(self._model.buffers)
            self._model.buffers.append(made)
        return self._stored[key]

    def _code(self, code: Any) -> int:
        key = (code.builtinCode, code.deprecatedBuiltinCode, code.version, code.customCode)
        if key not in self._codes:
            self._codes[key] = len(self._model.operatorCodes)
            self._model.operatorCodes.append(code)
        return self._codes[key]

    def _keep_metadata(self, entry: Any, model: Any, buffers: list[int], *, first: bool) -> None:
        """The first file's; of the oldest runtimes the newest."""
        name = _text(entry.name)
        if name == _RUNTIME:
            data = model.buffers[entry.buffer].data
            found = b"" if data is None else bytes(data)
            self._runtime = max(self._runtime, found, key=_version)
        elif first:
            self._metadata(name, buffers[entry.buffer])

    def _metadata(self, name: str, buffer: int) -> None:
        made = schema().MetadataT()
        made.name, made.buffer = name, buffer
        self._model.metadata.append(made)


def _version(content: bytes) -> tuple[int, ...]:
    return tuple(int(each) for each in content.rstrip(b"\0").split(b".") if each.isdigit())


def _move_calls(options: Any, base: int) -> None:
    """The subgraphs that an operator runs, at their new places."""
    for name, value in vars(options).items() if options is not None else ():
        if name.endswith(_SUBGRAPH) and value >= 0:
            setattr(options, name, value + base)


def _signature(key: str, model: Any, base: int) -> Any:
    """The file's own under another name; where it has none, of its tensors' names."""
    if model.signatureDefs:
        made = model.signatureDefs[0]
        made.subgraphIndex += base
    else:
        made, graph = schema().SignatureDefT(), model.subgraphs[0]
        made.subgraphIndex = base
        for side in ("inputs", "outputs"):
            setattr(made, side, [_map(graph.tensors[at].name, at) for at in getattr(graph, side)])
    made.signatureKey = key
    return made


def _map(name: Any, index: int) -> Any:
    made = schema().TensorMapT()
    made.name, made.tensorIndex = name, int(index)
    return made


def _check(sources: Mapping[str, Artifact], merged: bytes, files: Mapping[str, _File]) -> None:
    """Raises:
    ConversionError: a signature of the merged file answers otherwise than its own file.
    """
    from edgemm.converters.worker.client import opened

    for name, artifact in sources.items():
        arrays = files[name].seeded()
        with opened(artifact.payload, "tflite", signature=files[name].signature) as source:
            expected = [_run(source, each) for each in arrays]
        with opened(merged, "tflite", signature=name) as session:
            found = [_run(session, each) for each in arrays]
        for one, other in zip(expected, found, strict=True):
            for output, array in one.items():
                if array.dtype != other[output].dtype or array.tobytes() != other[output].tobytes():
                    raise ConversionError(
                        f"signature {name!r}: output {output!r} is not what {artifact.path} answers. Use the files one "
                        "by one"
                    )


def _run(session: Session, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return dict(zip(session.outputs, session.run([arrays[name] for name in session.inputs]), strict=True))


@dataclass(frozen=True, slots=True)
class _File:
    """What one file takes, read before it was put to others."""

    signature: str
    """Its own, by whose names its inputs go; "" where it has none."""
    inputs: Mapping[str, tuple[tuple[int, ...], str]]
    """Name -> shape and type."""

    def seeded(self) -> list[dict[str, Array]]:
        """Inputs by name, several times: numbers as a network takes them, and indices that any table has."""
        rng = np.random.default_rng(3)
        return [{name: _drawn(rng, *each) for name, each in self.inputs.items()} for _ in range(3)]


def _drawn(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return rng.normal(size=shape).astype(kind)
    if kind.itemsize == 1 and kind.kind in "iu":
        return rng.integers(np.iinfo(kind).min, np.iinfo(kind).max, shape, kind, endpoint=True)
    return rng.integers(0, 2, shape).astype(kind)


def _file(model: Any) -> _File:
    graph = model.subgraphs[0]
    named = {graph.tensors[at].name: at for at in graph.inputs}
    key = ""
    if model.signatureDefs:
        key, graph = (
            _text(model.signatureDefs[0].signatureKey),
            model.subgraphs[model.signatureDefs[0].subgraphIndex],
        )
        named = {each.name: each.tensorIndex for each in model.signatureDefs[0].inputs}
    tensors = {_text(name): graph.tensors[at] for name, at in named.items()}
    kinds = enum_names("TensorType")
    return _File(key, {name: (_shape(each), kinds[each.type].lower()) for name, each in tensors.items()})


def _shape(tensor: Any) -> tuple[int, ...]:
    return () if tensor.shape is None else tuple(int(size) for size in tensor.shape)


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
