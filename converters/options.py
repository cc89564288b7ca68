"""The options of a conversion: one frozen object, validated once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from edgemm import atomic
from edgemm.card import ModelCard
from edgemm.converters.fidelity import MIN_SNR_DB, Gate
from edgemm.converters.fidelity.gate import MAX_DB
from edgemm.converters.written import Format, Settings
from edgemm.errors import InputError
from edgemm.quantize.choice import PREFER, Prefer

if TYPE_CHECKING:
    from edgemm.converters.importers.cut import Cut

Scheme = Literal["auto", "static", "dynamic", "mixed", "float"]
GateMode = Literal["fail", "warn", "off"]
RepairMode = Literal["auto", "off"]
Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total) as the work goes on."""

SCHEMES = ("auto", "static", "dynamic", "mixed", "float")
FORMATS: Mapping[str, Format] = {".tflite": "tflite", ".onnx": "onnx"}
REPAIR_SECONDS = 60.0
MAX_SAMPLES = 1_000_000
NO_RANGES = "scheme {} needs calibration data: --calibrate FOLDER or .npz, or --scheme dynamic"
NO_RANGES_FOR = (
    "target (--target) {}: runs integers only, so the ranges of the activations must be known: "
    "give calibration data with --calibrate FOLDER or .npz"
)


def silent(stage: str, done: int, total: int) -> None:
    """Reports nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """The arguments of `edgemm.converters.convert`, which explains them; nothing is read or written yet.

    Raises:
        InputError: a word is unknown, a number out of range, a path unusable.
    """

    source: Any
    output: Path
    example_inputs: tuple[Any, ...] | None = None
    calibrate: str | Path | Sequence[Any] | None = None
    evaluate: str | Path | Sequence[Any] | None = None
    card: ModelCard | str | Path | None = None
    preset: str | None = None
    scheme: Scheme = "auto"
    target: str = "cpu"
    gate: GateMode = "fail"
    min_db: float = MIN_SNR_DB
    shapes: Mapping[str, Sequence[int]] | None = None
    constants: Mapping[str, float] | None = None
    settings: Settings = field(default_factory=Settings)
    limit: int = 256
    repair: RepairMode = "auto"
    repair_seconds: float = REPAIR_SECONDS
    explain: bool = False
    stepwise: int | None = None
    keep_outputs: bool = False
    progress: Progress = silent
    outputs: Sequence[str] | None = None
    inputs: Sequence[str] | None = None
    prefer: Prefer = "speed"
    costs: str | Path | None = None

    def __post_init__(self) -> None:
        _check_kinds(self)
        _check_words(self)
        check_names(self.outputs, self.inputs)
        _check_card(self.card, self.preset)
        _check_numbers(self)
        _check_paths(self)
        _check_target(self)
        check_costs(self.costs, self.format)
        _check_settings(self)

    @property
    def format(self) -> Format:
        """By the output's name."""
        return FORMATS[self.output.suffix.lower()]

    @property
    def cut(self) -> Cut:
        """The part of the graph that is converted."""
        from edgemm.converters.importers.cut import Cut

        return Cut(tuple(self.outputs or ()), tuple(self.inputs or ()))

    @property
    def limits(self) -> Gate:
        """What the file must keep."""
        return Gate(min_snr_db=self.min_db)


def _check_kinds(options: Options) -> None:
    for name, value, kind, wanted in (
        ("settings", options.settings, Settings, "Settings"),
        ("shapes (--shape)", options.shapes, Mapping, "a dictionary of sizes by input name"),
        ("constants (--set)", options.constants, Mapping, "a dictionary of numbers by input name"),
    ):
        if value is not None and not isinstance(value, kind):
            raise InputError(f"{name}: expected {wanted}, found {type(value).__name__}")
    if not callable(options.progress):
        raise InputError(f"progress: expected a function, found {type(options.progress).__name__}")


def check_names(outputs: Any, inputs: Any) -> None:
    """Where a graph is cut: names of tensors, each once.

    Raises:
        InputError: they are something else.
    """
    for option, names in (("outputs (--outputs)", outputs), ("inputs (--inputs)", inputs)):
        if names is None:
            continue
        listed = isinstance(names, Sequence) and not isinstance(names, str | bytes)
        if not listed or not names or not all(isinstance(name, str) and name for name in names):
            raise InputError(f"{option}: expected a list of names of tensors, found {names!r}")
        twice = sorted({name for name in names if list(names).count(name) > 1})
        if twice:
            raise InputError(f"{option}: {', '.join(twice)} is named twice. Name each tensor once")


def _check_words(options: Options) -> None:
    from edgemm.card.presets import PRESETS
    from edgemm.choices import choice
    from edgemm.quantize.target import target

    choice("scheme", options.scheme, SCHEMES)
    choice("gate", options.gate, ("fail", "warn", "off"))
    choice("repair", options.repair, ("auto", "off"))
    choice("prefer", options.prefer, PREFER)
    if options.prefer != "speed" and options.scheme != "auto":
        raise InputError(
            f"prefer (--prefer) {options.prefer}: chooses among the schemes, and scheme {options.scheme} was asked "
            "for. Leave one of them out"
        )
    target(options.target)
    choice("io", options.settings.io, ("float", "int8"))
    if options.preset is not None:
        choice("preset", options.preset, PRESETS)
    if (
        options.scheme in ("static", "mixed")
        and options.calibrate is None
        and not _may_have_ranges(options.source)
    ):
        raise InputError(NO_RANGES.format(options.scheme))


def _may_have_ranges(source: Any) -> bool:
    """A file may be quantized already: then its own ranges do."""
    return isinstance(source, str | Path) and Path(source).suffix.lower() in FORMATS


def _check_card(card: Any, preset: str | None) -> None:
    if card is not None and preset is not None:
        raise InputError(
            "card and preset (--card, --preset): expected one of them, found both. Leave one out"
        )
    if card is not None and not isinstance(card, ModelCard | str | Path):
        raise InputError(
            f"card: expected a ModelCard or the path of its JSON, found {type(card).__name__}. "
            "ModelCard.from_json(json.dumps(...)) makes one of a dictionary"
        )


def _check_numbers(options: Options) -> None:
    _number("min_db (--min-db)", options.min_db, MAX_DB)
    limit: Any = options.limit
    if isinstance(limit, bool) or not (isinstance(limit, Integral) and 1 <= int(limit) <= MAX_SAMPLES):
        raise InputError(
            f"limit (--samples): expected a whole number from 1 to {MAX_SAMPLES}, found {limit!r}"
        )
    _number("repair_seconds (--repair-seconds)", options.repair_seconds, 86_400.0)


def _number(name: str, value: object, most: float) -> None:
    if isinstance(value, bool) or not (isinstance(value, int | float) and 0 <= value <= most):
        raise InputError(f"{name}: expected a number from 0 to {most:g}, found {value!r}")


def _check_paths(options: Options) -> None:
    path: Any = options.output
    if not isinstance(path, Path):
        raise InputError(f"output: expected the path of a file, found {type(path).__name__}")
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: the output's name must end in .tflite or .onnx, which says the format")
    try:
        if not path.parent.is_dir():
            raise InputError(f"{path}: the folder {path.parent} does not exist")
        atomic.refuse_source(options.source, path, "the output")
        atomic.check(path)
    except OSError as error:  # a name too long, a folder closed to us
        raise InputError(f"{error.strerror}: {str(error.filename)[:200]}. Choose another name") from error


def _check_target(options: Options) -> None:
    """Refuses what the machine cannot run, whatever the model is."""
    from edgemm.quantize.target import target as target_named

    target = target_named(options.target)
    if options.format not in target.formats:
        runs = " and ".join(f".{each}" for each in target.formats)
        raise InputError(
            f"target (--target) {target.name}: runs {runs} files, and the output is a {options.output.suffix} file. "
            f"Name the output *.{target.formats[0]}, or choose another target"
        )
    if not target.integer_only:
        return
    if options.scheme in ("dynamic", "mixed", "float"):
        raise InputError(
            f"target (--target) {target.name}: runs integers only, found scheme {options.scheme}. Use the scheme static"
        )
    if options.calibrate is None and not _may_have_ranges(options.source):
        raise InputError(NO_RANGES_FOR.format(target.name))


def check_costs(costs: Any, format_: Format) -> None:
    """Reads the table of costs.

    Raises:
        InputError: it is none, or cannot be planned with for the output's format.
    """
    if costs is None:
        return
    if not isinstance(costs, str | Path):
        raise InputError(f"costs (--costs): expected the path of a file, found {type(costs).__name__}")
    from edgemm.costs import CostTable
    from edgemm.costs.check import require_usable

    require_usable(CostTable.read(costs), format_, str(costs))


def _check_settings(options: Options) -> None:
    """Refuses settings that the output's format does not have."""
    from edgemm.converters.onnx_writer import check_opset

    settings: Any = options.settings
    if not isinstance(settings.keep_layout, bool):
        raise InputError(
            f"keep_layout (--keep-layout): expected True or False, found {settings.keep_layout!r}"
        )
    check_opset(settings.opset)
    wrong = {
        "tflite": ("opset (--opset)", settings.opset != Settings().opset),
        "onnx": ("keep_layout (--keep-layout)", settings.keep_layout),
    }
    name, given = wrong[options.format]
    if given:
        raise InputError(f"{name}: has no effect on a {options.output.suffix} file. Leave it out")
