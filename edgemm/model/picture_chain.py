"""`PictureChain`: a model that finds things in pictures and models that look at them closer, as one to their user."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from edgemm.chain.crop import Crop
from edgemm.chain.session import SceneSession
from edgemm.chain.smooth import Smooth
from edgemm.chain.step import Step
from edgemm.chain.track import Track
from edgemm.choices import hint
from edgemm.enrolled import Enrolled
from edgemm.errors import InputError
from edgemm.model.chain import EMBEDDING, Joined, Recognizer, Stage
from edgemm.model.coerce import as_frame
from edgemm.results import Scene

POINTS = "points"
"""What a model takes that stands behind another's points."""
FINDS = ("detection", "landmarks")
"""Tasks of this package whose results have places."""
PLACELESS = (
    "audio",
    "classification",
    "embedding",
    "generation",
    "keyword",
    "picture",
    "segmentation",
    "tensors",
)
"""Tasks of this package whose results have none."""


NAMELESS = ("embedding", "landmarks", "segmentation")
"""Tasks of this package whose results have no label of the thing."""


class PictureChain(Joined):
    """What finds things in pictures, and models that look at each of them closer, with the face of a `Model`.

        faces = edgemm.load("faces.tflite").then(edgemm.Crop(margin=1.5, square=True), edgemm.load("age.tflite"))
        faces(picture).things[0].results["classification"]

    Each frame has one result, a `Scene`. `close()` closes all models.
    """

    def __init__(self, first: Stage, steps: Sequence[Step]) -> None:
        """Use `then` of the first model.

        Raises:
            InputError: the models do not fit each other.
        """
        if first.modality != "image":
            raise InputError(
                f"then: expected a model that takes pictures in front of a crop, found {first.modality!r}"
            )
        if first.card.task in PLACELESS:
            raise InputError(
                f"then: expected a model that finds things ({', '.join(FINDS)}) in front of a crop, found "
                f"{first.card.task!r}, whose results have no places"
            )
        _require_classes(first, steps)
        _require_points(first, steps)
        models: list[Any] = [first, *(step.model for step in steps)]
        super().__init__("the chain", first, list(dict.fromkeys(models)))
        self._first, self._steps = first, tuple(steps)
        self._turn = threading.RLock()  # one whole call
        self._serving: SceneSession | None = None

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the models in order; those behind the first are the keys of `Thing.results`."""
        return self._first_name, *(step.name for step in self._steps)

    @property
    def labels(self) -> tuple[str, ...]:
        """All that its results can be called; () where a model does not tell."""
        models: list[Any] = [self._first, *(step.model for step in self._steps)]
        named = [each for each in models if isinstance(each, Recognizer) or each.card.task not in NAMELESS]
        known = [() if isinstance(each, Recognizer) else tuple(each.card.labels) for each in named]
        return tuple(dict.fromkeys(label for each in known for label in each)) if all(known) else ()

    @property
    def _first_name(self) -> str:
        return self._first.card.task or "first"

    def __call__(self, x: Any, *, sample_rate: int | None = None) -> Scene:
        """What is in one picture; nothing is remembered. See `Model`."""
        self._life.check()
        frame = as_frame(x)
        with self._turn:
            self._life.check()  # closed while this call waited for its turn
            if self._serving is None:
                self._serving = self.session()
            return self._serving.whole(frame)

    def session(self, **options: Any) -> SceneSession:
        """A new stream's private state; close it when done.

        Args:
            options: of the first model, for this session.
        """
        self._life.check()
        first = self._first.session(**options)
        try:
            return SceneSession(self._first_name, first, self._steps)
        except BaseException:
            first.close()
            raise

    def then(
        self,
        behind: Crop | Stage | Enrolled,
        model: Stage | None = None,
        *,
        name: str = "",
        track: Track | None = None,
        smooth: Smooth | None = None,
    ) -> PictureChain:
        """This chain with one more stage, behind the results of the last one. The models are shared: close one of both.

        Args:
            behind: a crop around the places of the last stage's results; or a model that takes the points of the last
                stage; or those that are enrolled with the last stage's model of embeddings.
            model: what sees the part that is cut out.
            name: see `Model.then`.
            track: only of the first crop of a chain.
            smooth: see `Model.then`.

        Raises:
            InputError: what does not fit; says what was expected.
        """
        self._life.check()
        if isinstance(behind, Enrolled):
            _refuse_beside("Enrolled", model=model, name=name, track=track, smooth=smooth)
            return PictureChain(self._first, (*self._steps[:-1], _named(self._steps[-1], behind)))
        if track is not None:
            raise InputError(
                "track: expected it beside the first crop of a chain, found it further behind, where each part follows "
                "from the one in front. Leave it out"
            )
        if smooth is not None and self._steps[0].track is None:
            raise InputError("smooth: expected a chain whose first crop has track=, found none")
        step = make_step(behind, model, name, track, smooth, taken=self.stages)
        last = self._steps[-1]
        task = getattr(getattr(last.model, "card", None), "task", "")
        if task in PLACELESS:
            raise InputError(
                f"then: expected a stage whose results have places ({', '.join(FINDS)}) in front, found "
                f"{last.name!r} of the task {task!r}"
            )
        return PictureChain(self._first, (*self._steps, step))

    def _end(self) -> None:
        with self._turn:
            if self._serving is not None:
                self._serving.close()
            super()._end()


def begin_chain(
    first: Stage, crop: Crop, model: Stage | None, name: str, track: Track | None, smooth: Smooth | None
) -> PictureChain:
    """A chain of two; see `Model.then`."""
    if smooth is not None and track is None:
        raise InputError(
            "smooth: expected track= beside it, which says what is the same thing in the next frame, found none"
        )
    taken = (first.card.task or "first",)
    return PictureChain(first, (make_step(crop, model, name, track, smooth, taken=taken),))


def make_step(
    behind: Crop | Stage,
    model: Stage | None,
    name: str,
    track: Track | None,
    smooth: Smooth | None,
    *,
    taken: Sequence[str],
) -> Step:
    """One stage, checked as far as it can be before anything runs.

    Args:
        taken: names of the stages before it.
    """
    crop = behind if isinstance(behind, Crop) else None
    if crop is not None and model is None:
        raise InputError("then: expected a model behind the Crop, found none: first.then(Crop(...), model)")
    if crop is None and model is not None:
        raise InputError(f"then: expected a Crop in front of the model, found {type(behind).__name__}")
    for what, value, kind in (("track", track, Track), ("smooth", smooth, Smooth)):
        if value is not None and not isinstance(value, kind):
            raise InputError(f"{what}: expected a {kind.__name__}, found {type(value).__name__}")
    used: Any = behind if crop is None else model
    modality = getattr(used, "modality", None)
    wanted = POINTS if crop is None else "image"
    if modality != wanted:
        raise InputError(
            f"then: expected a model that takes {'points' if crop is None else 'pictures'}"
            f"{'' if crop is None else ' behind a crop'}, found {modality or type(used).__name__!r}"
            + ("" if crop is not None else ". Put a Crop in front of a model that takes pictures")
        )
    task = used.card.task
    if track is not None and task in PLACELESS:
        raise InputError(
            f"track: expected a model whose results have places ({', '.join(FINDS)}), found the task {task!r}, which "
            "cannot say where the thing is in the next frame"
        )
    if smooth is not None and task in (*PLACELESS, "detection"):
        raise InputError(f"smooth: expected a model that gives points (landmarks), found the task {task!r}")
    return Step(_free(name or task or "model", taken, given=bool(name)), used, crop, track, smooth)


def _free(name: str, taken: Sequence[str], *, given: bool) -> str:
    """The name, or with a number behind it where it is not the user's own."""
    if not isinstance(name, str) or "." in name or not name.strip():
        raise InputError(f"name: expected a word without a dot, found {name!r}")
    if name not in taken:
        return name
    if given:
        raise InputError(
            f"name: {name!r} is the name of another stage ({', '.join(taken)}). Give another one"
        )
    return next(f"{name}-{number}" for number in range(2, 2 + len(taken)) if f"{name}-{number}" not in taken)


def _named(step: Step, enrolled: Enrolled) -> Step:
    """A stage of embeddings that says whose they are."""
    model: Any = step.model
    if getattr(model.card, "task", "") != EMBEDDING or not hasattr(model, "artifact"):
        raise InputError(
            f"then: expected a stage of embeddings in front of those that are enrolled, found {step.name!r} of the "
            f"task {model.card.task!r}"
        )
    enrolled.require_model(model.artifact.sha256())
    return Step(step.name, Recognizer(model, enrolled), step.crop)


def _refuse_beside(what: str, **given: object) -> None:
    for name, value in given.items():
        if value:
            raise InputError(f"then: {what} stands alone, found {name} beside it")


def _require_classes(first: Stage, steps: Sequence[Step]) -> None:
    """A crop of a class that the model before it does not have would never see anything.

    Raises:
        InputError: such a crop; says which label was probably meant.
    """
    before: Any = first
    for step in steps:
        known = () if isinstance(before, Recognizer) else tuple(getattr(before.card, "labels", ()))
        for label in step.crop.classes if step.crop is not None and known else ():
            if label not in known:
                raise InputError(
                    f"Crop.classes: expected labels of the model before the crop, found {label!r}{hint(label, known)}"
                )
        before = step.model


def _require_points(first: Stage, steps: Sequence[Step]) -> None:
    """A crop of a key point that the model before it does not have would fail at the first thing found.

    Raises:
        InputError: such a crop, or such a next one of a track, where the model tells how many it has.
    """
    before: Any = first
    for step in steps:
        for said, crop, model in (
            ("then", step.crop, before),
            ("track", None if step.track is None else step.track.next, step.model),
        ):
            count = getattr(model, "key_points", None)
            if crop is None or count is None:
                continue
            try:
                crop.require_points(count)
            except InputError as error:
                raise InputError(f"{said}: {error}") from error
        before = step.model
