"""`convert_bundle`: each part of a bundle on its own, and the whole held to its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemm import atomic
from edgemm.artifact.bundle import CARD_NAME
from edgemm.card.keys import refuse_unknown
from edgemm.converters.bundles.assembled import answered_again, opened, opened_here, put_together, written
from edgemm.converters.bundles.fed import feed_all
from edgemm.converters.bundles.kept import why_kept
from edgemm.converters.bundles.options import BundleOptions
from edgemm.converters.bundles.parts import convert_parts, require_some, told
from edgemm.converters.bundles.result import BundleConversion, PartConversion
from edgemm.converters.bundles.together import judge
from edgemm.converters.fidelity import MIN_SNR_DB
from edgemm.converters.options import REPAIR_SECONDS, GateMode, Progress, RepairMode, Scheme, silent
from edgemm.converters.written import Format, Settings
from edgemm.errors import FidelityMissed, InputError
from edgemm.judge.items import Item, divided, load_items
from edgemm.quantize.choice import Prefer

if TYPE_CHECKING:
    from edgemm.model.bundle import BundleModel


NO_DATA = (
    "no data: the parts' activations are not calibrated, and nothing was measured end to end; give --calibrate or "
    "--evaluate with texts or recordings that the bundle is made for"
)


def convert_bundle(
    source: str | Path,
    *,
    output: str | Path,
    format: Format = "tflite",
    calibrate: str | Path | Sequence[Any] | None = None,
    evaluate: str | Path | Sequence[Any] | None = None,
    scheme: Scheme = "auto",
    parts: Mapping[str, str] | None = None,
    lengths: Mapping[str, Sequence[Any]] | None = None,
    target: str = "cpu",
    gate: GateMode = "fail",
    min_db: float = MIN_SNR_DB,
    limit: int = 256,
    repair: RepairMode = "auto",
    repair_seconds: float = REPAIR_SECONDS,
    settings: Settings | None = None,
    explain: bool = False,
    progress: Progress | None = None,
    prefer: Prefer = "speed",
    costs: str | Path | None = None,
) -> BundleConversion:
    """Converts the parts of a bundle, and writes the bundle of them.

    Each part is calibrated and gated on its own, on what it is fed with while the whole bundle runs on the data. Then
    the new bundle is judged against the source on data held out: where its driver decides by scores, by these over the
    steps that the source takes; and by what both answer freely, against what is right where the data say it.

    A part stays as it is where it is quantized already, where its caches grow, or where the format cannot express it.

    Args:
        source: a folder with bundle.json, a ZIP, or a folder in a layout of another project.
        output: ends in .zip.
        format: of the parts: "tflite" or "onnx".
        calibrate: texts (.txt, .tsv, .csv, .jsonl), recordings (a folder of .wav), or a sequence of texts or
            `AudioBlock`s, or of pairs of these and what is right. A quarter is held out to judge by.
        evaluate: other data to judge by.
        scheme: of the parts: see `convert`.
        parts: role -> a scheme of its own, or "keep".
        lengths: "ROLE.INPUT" -> its whole shape, of inputs that the files leave open; without, the card's length, or
            the largest in the data. Of several shapes each becomes a signature of the .tflite file; all share its
            weights, and the bundle runs the shortest that does.
        target: see `convert`.
        gate: what to do when a part or the whole is below the limit: see `convert`.
        min_db: minimum SNR in dB for outputs that are not classes.
        limit: the most items of the data, and the most samples of a part, that are used.
        repair: see `convert`.
        repair_seconds: time limit for that, for each part.
        settings: opset, ONNX input type, TFLite layout.
        explain: also find out which layer of which part loses how much.
        progress: called with (stage, done, total).
        prefer: what scheme "auto" looks for in each part: see `convert`.
        costs: a table of costs: see `convert`.

    Raises:
        InputError: an argument or the data do not fit, or no part can be converted.
        ArtifactError: the source is no bundle, or a damaged one.
        UnsupportedOperator: the format cannot express a part that was named.
        FidelityMissed: a part or the whole is below the gate; nothing was written. Its `conversion` is what was
            measured: of a part a `Conversion`, of the whole a `BundleConversion`.
    """
    return run(
        BundleOptions(
            Path(source), Path(output), format, calibrate, evaluate, scheme, parts or {}, lengths or {}, target, gate,
            min_db, limit, repair, repair_seconds, settings or Settings(), progress or silent, explain,
            prefer, costs,
        )
    )  # fmt: skip


def run(options: BundleOptions) -> BundleConversion:
    """The steps: read, record, convert, put together, judge, write."""
    from edgemm.model.find_bundle import find_bundle

    options.tell("reading")
    with ExitStack() as stack:
        bundle = stack.enter_context(find_bundle(options.source))
        refuse_unknown(bundle.card)
        model = stack.enter_context(opened_here(options.source))
        calibration, held = _data(options, model)
        _require_roles(options, model)
        kept = {role: why_kept(bundle, role, model.models[role], options) for role in model.models}
        require_some(kept)
        notes = [] if calibration or held else [NO_DATA]
        feds = feed_all(options, model, [role for role, why in kept.items() if not why], calibration, held)
        folder = stack.enter_context(atomic.trial_folder(options.output))
        parts = convert_parts(options, bundle, model, kept, feds, folder)
        notes += [*(note for fed in feds for note in fed.notes), *told(parts)]
        card, files = put_together(model, bundle, parts, folder)
        atomic.save(folder / CARD_NAME, card.to_json())
        with opened(folder, options.source) as made:
            together = (
                judge(model, made, held, options.limits, options.tick("judging the whole")) if held else None
            )
            card, goldens = answered_again(model, made, card)
        notes += () if together is None else together.sentences
        done = BundleConversion(
            options.output, options.format, sum(each.size_bytes for each in parts.values()), bundle.size_bytes, parts,
            together, card, tuple(dict.fromkeys(notes)),
        )  # fmt: skip
        if done.missed and options.gate == "fail":
            raise _missed(done)
        if options.gate == "warn":
            notes += [f"below the gate: {each}" for each in done.missed]
        return written(done, files | goldens, notes)


def _data(options: BundleOptions, model: BundleModel) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """To calibrate on, and to judge by."""
    given: dict[str, tuple[Item, ...]] = {}
    for option, data in (("--calibrate", options.calibrate), ("--evaluate", options.evaluate)):
        given[option] = () if data is None else load_items(data, model.modality, options.limit, option)
    calibration, held = given["--calibrate"], given["--evaluate"]
    return (calibration, held) if held or not calibration else divided(calibration)


def _require_roles(options: BundleOptions, model: BundleModel) -> None:
    from edgemm.choices import hint

    for role in options.parts:
        if role not in model.models:
            known = ", ".join(model.models)
            raise InputError(
                f"--part {role}: expected one of {known}; found {role!r}{hint(role, model.models)}"
            )


def _missed(done: BundleConversion) -> FidelityMissed:
    error = FidelityMissed(
        f"fidelity is below the gate, nothing was written: {'; '.join(done.missed)}. More calibration data, or "
        "--part ROLE=float for the part that loses most, usually helps; --gate warn writes it anyway"
    )
    error.conversion = done
    return error


__all__ = ["BundleConversion", "BundleOptions", "PartConversion", "convert_bundle", "run"]
