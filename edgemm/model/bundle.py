"""A loaded bundle: sound, text or pictures in, results out, by several models that call each other. See
`edgemm.model.load`."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import PurePosixPath
from types import TracebackType
from typing import TYPE_CHECKING, Any, overload

from edgemm.artifact.bundle import Bundle
from edgemm.backends.backend import Coverage
from edgemm.card.bundle_card import BundleCard, require_driver
from edgemm.card.options import with_changes
from edgemm.choices import hint
from edgemm.errors import CardError, InputError, UnsupportedVersion
from edgemm.lifecycle import Lifecycle
from edgemm.media import Captured
from edgemm.model.bundle_goldens import golden_input, replay_bundle
from edgemm.model.coerce import as_block, as_frame, as_text
from edgemm.model.file_probe import probing
from edgemm.model.model import Model
from edgemm.model.replay import GoldenOutcome
from edgemm.results import Result
from edgemm.stream.budget import Budget
from edgemm.tasks.driver import Driver, KnowsItsTensors, WholeSession, misfits

if TYPE_CHECKING:
    from edgemm.artifact import Artifact
    from edgemm.capture.source import Source
    from edgemm.card.model_card import ModelCard
    from edgemm.chain.crop import Crop
    from edgemm.model.chain import Chain, Stage
    from edgemm.model.open_model import OpenModel
    from edgemm.model.part import Part
    from edgemm.model.picture_chain import PictureChain
    from edgemm.model.signature_model import SignatureModel
    from edgemm.stream.stream import Stream

OpenPart = Callable[["Artifact", "ModelCard | None"], "Model | OpenModel | SignatureModel"]
"""A part's file, its hash checked, and the card that the bundle gives it -> the model, which went through the probe
where its origin is not known."""


class BundleModel:
    """Several models that are one to their user, with the face of a `Model`.

    Holds no state between calls. May be used from several threads, which then take turns. `close()` may come from any
    thread and twice. A process that was forked after it was loaded cannot use it.
    """

    def __init__(self, bundle: Bundle, open_part: OpenPart, options: Mapping[str, Any] | None = None) -> None:
        """Use `load`. The bundle is closed with it.

        Args:
            options: of the driver, instead of what the card says.

        Raises:
            CardError: the driver does not know a part's tensors, or the parts, assets and settings do not fit.
            DamagedArtifact: a file is missing, changed, or no model.
            InputError: no such option.
        """
        self.bundle = bundle
        self._driver: Driver = require_driver(bundle.card.driver)
        self.card: BundleCard = self._with(bundle.card, options or {})
        self._life = Lifecycle(f"the bundle {bundle.path.name}", "load it again")
        self._turn = threading.RLock()  # one whole call
        self._models: dict[str, Model | OpenModel | SignatureModel] = {}
        with ExitStack() as opened:
            opened.callback(bundle.close)
            with probing():  # one child for all parts
                for role, entry in bundle.card.parts.items():
                    model = open_part(bundle.read_part(role), entry.card)
                    opened.callback(model.close)
                    self._models[role] = model
            self._require_tensors()
            self._assets = {name: bundle.asset(name) for name in self.needed_assets()}
            self._serving = self.session()  # what does not fit is said now, not at the first item
            opened.callback(self._serving.close)
            self._opened = opened.pop_all()

    @property
    def driver(self) -> Driver:
        """What makes its parts call each other."""
        return self._driver

    @property
    def modality(self) -> str:
        """What it takes: "audio", "text" or "image"."""
        return str(self._driver.modality)

    @property
    def key_points(self) -> int | None:
        """How many key points each thing of a result has; None where its driver does not tell."""
        return getattr(self._driver, "key_points", None)

    @property
    def coverage(self) -> Coverage:
        """What the accelerator took, of all parts together; not told where the runtime of one part does not tell."""
        each = [model.coverage for model in self._models.values()]
        if not all(one.total for one in each):
            return Coverage()
        remaining: Counter[str] = Counter()
        for one in each:
            remaining.update(one.remaining)
        return Coverage(
            sum(one.delegated for one in each),
            sum(one.total for one in each),
            sum(one.partitions for one in each),
            dict(remaining),
            ", ".join(dict.fromkeys(one.delegate for one in each if one.delegate)),
        )

    @property
    def delegates(self) -> tuple[str, ...]:
        """What really runs its parts, in their order, each once."""
        return tuple(dict.fromkeys(name for model in self._models.values() for name in model.delegates))

    @property
    def has_goldens(self) -> bool:
        """There is something for `replay_goldens`."""
        of_parts = any(model.artifact.goldens is not None for model in self._models.values())
        return of_parts or bool(self.card.goldens)

    @property
    def models(self) -> Mapping[str, Model | OpenModel | SignatureModel]:
        """Role -> the loaded model; they are closed with the bundle."""
        return dict(self._models)

    def __call__(self, x: Any, *, sample_rate: int | None = None) -> Result:
        """The result of one thing by itself; nothing is remembered.

        Args:
            x: for sound an `AudioBlock`, or samples[n] with `sample_rate`; for text a str; for pictures a `Frame`, or
                uint8[height, width, 3] RGB.
            sample_rate: hertz, of bare samples.

        Raises:
            InputError: `x` is not what the bundle takes, or the bundle is closed.
        """
        self._life.check()
        item = self.as_item(x, sample_rate)
        with self._turn:
            self._life.check()  # closed while this call waited for its turn
            self._serving.reset()
            return self._serving.whole(item)

    def session(self, **options: Any) -> WholeSession:
        """A new stream's private state over the parts; close it when done.

        Args:
            options: of the driver, for this session, as in `load`.

        Raises:
            InputError: the bundle is closed, or was loaded before this process was forked; or no such option.
            CardError: what the options ask for does not fit the parts.
        """
        return self.watched(lambda role, part: part, **options)

    def watched(self, around: Callable[[str, Part], Any], **options: Any) -> WholeSession:
        """As `session`, for whoever wants to see what the parts are fed with and what they answer.

        Args:
            around: role, part -> what the driver sees as the part: it has all that a `Part` has, and closes the part.
            options: of the driver.

        Raises:
            InputError, CardError: as `session`.
        """
        self._life.check()
        card = self._with(self.card, options)
        with ExitStack() as made:
            parts = {}
            for role in self._models:
                part = self.part(role)
                made.callback(part.close)
                parts[role] = around(role, part)
            try:
                session: WholeSession = self._driver.session(card.recipe, parts, self._assets, {})
            except (CardError, UnsupportedVersion) as error:
                raise type(error)(f"{self.bundle.path}: driver {card.driver!r}: {error}") from error
            made.pop_all()  # the session closes them
            return session

    @overload
    def then(self, behind: Stage) -> Chain: ...

    @overload
    def then(self, behind: Crop, model: Stage, *, name: str = "") -> PictureChain: ...

    def then(
        self, behind: Stage | Crop, model: Stage | None = None, *, name: str = ""
    ) -> Chain | PictureChain:
        """This in front of a model: as a stage of sound, which it hears instead of the source; or of pictures, of which
        it sees what is found.

        Args:
            behind: a `Model` or a `BundleModel` that takes sound; or a `Crop`. Closed with the chain, as this is.
            model: behind a crop: what sees the parts that are cut out.
            name: see `Model.then`.

        Raises:
            InputError: this gives no sound, or nothing with places; or the model takes something else.
        """
        from edgemm.chain.crop import Crop
        from edgemm.model.chain import Chain
        from edgemm.model.picture_chain import begin_chain

        if isinstance(behind, Crop):
            return begin_chain(self, behind, model, name, None, None)
        if model is not None or name:
            raise InputError(
                f"then: expected a Crop in front of a model, or beside a name, found {type(behind).__name__}"
            )
        return Chain(self, behind)

    def part(self, role: str) -> Part:
        """One of its models with a state of its own; close it when done.

        Raises:
            InputError: there is no such part, or the bundle is closed.
        """
        self._life.check()
        if role not in self._models:
            known = ", ".join(self._models)
            raise InputError(f"part: expected one of {known}; found {role!r}{hint(role, self._models)}")
        return self._models[role].part()

    def stream(
        self,
        source: Source,
        budget: Budget | None = None,
        *,
        timeout_s: float | None = None,
        **options: Any,
    ) -> Stream:
        """Runs the bundle on a source, inside a budget; see `Model.stream`.

        Raises:
            InputError: `source` is no open source or gives something else than the bundle takes, or no such option.
        """
        from edgemm.stream.opened import open_stream

        return open_stream(lambda: self.session(**options), source, budget, timeout_s)

    def replay_goldens(self) -> tuple[GoldenOutcome, ...]:
        """Runs the goldens of the parts, each named with its role, and those of the whole bundle.

        Raises:
            CardError: there are none, or they do not fit.
        """
        outcomes = [
            GoldenOutcome(f"{role}: {each.output}", each.worst_error, each.tolerance, each.ok)
            for role, model in self._models.items()
            if model.artifact.goldens is not None
            for each in model.replay_goldens()
        ]
        outcomes += replay_bundle(self, self.bundle)
        if not outcomes:
            raise CardError(
                f"{self.bundle.path}: has no goldens to replay. `edgemm bundle FOLDER -o OUT.zip "
                "--golden TEXT` (or a .wav file) stores what it answers now"
            )
        return tuple(outcomes)

    def golden_input(self) -> Any:
        """What the first golden is called with: a text, a recording or a picture.

        Raises:
            CardError: there is none.
        """
        if not self.card.goldens:
            raise CardError(
                f"{self.bundle.path}: has no golden, whose input is needed. `edgemm bundle FOLDER -o OUT.zip "
                "--golden TEXT` (or a .wav file) stores one"
            )
        return golden_input(self.card.goldens[0], self.bundle, self.modality)

    def close(self) -> None:
        """Frees the runtimes; waits for a call that is under way. May be called twice."""
        self._life.close(self._end)

    def _end(self) -> None:
        with self._turn:
            self._opened.close()

    def __enter__(self) -> BundleModel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        if name in ("run", "backend", "artifact", "inputs", "outputs"):
            raise AttributeError(
                f"a bundle has several models, and no {name!r} of its own: bundle.models[role].{name}, with a role of "
                f"{', '.join(self.__dict__.get('_models', {}))}"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def as_item(self, x: Any, sample_rate: int | None = None) -> Captured:
        """What `x` is to a session; see `__call__`.

        Raises:
            InputError: `x` is not what the bundle takes.
        """
        if self.modality == "audio":
            return as_block(x, sample_rate)
        return as_text(x) if self.modality == "text" else as_frame(x)

    def _with(self, card: BundleCard, options: Mapping[str, Any]) -> BundleCard:
        if not options:
            return card
        return card.with_(recipe=with_changes(card.recipe, options, f"a bundle of driver {card.driver!r}"))

    def needed_assets(self) -> list[str]:
        """Names of those that are not there for a golden alone."""
        needed = set(getattr(self._driver, "assets", ()))
        inputs = {golden.asset for golden in self.card.goldens}
        inputs |= {name for golden in self.card.goldens for name in golden.expected_assets().values()}
        return [name for name in self.card.assets if name in needed or name not in inputs]

    def _require_tensors(self) -> None:
        """Raises:
        CardError: a part lacks an input or output that the driver uses; names both.
        """
        if not isinstance(self._driver, KnowsItsTensors):
            return
        for role, expected in self._driver.tensors(self.card.recipe).items():
            model = self._models.get(role)
            wrong = misfits(expected, model.inputs, model.outputs) if model is not None else ""
            if wrong:
                file = PurePosixPath(self.card.parts[role].file).name
                raise CardError(
                    f"{self.bundle.path}: part {role!r} ({file}) is of another model: {wrong}. Take the file that "
                    f"belongs to the driver {self.card.driver!r}"
                )
