"""Landmarks from vectors: order, units, presence, names, places in the source."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.card import ImageRecipe, ModelCard
from edgemm.errors import ArtifactError, CardError
from edgemm.preprocess.placement import place
from edgemm.preprocess.view import View
from edgemm.results import Landmarks
from edgemm.tasks.context import NOWHERE, Context
from edgemm.tasks.landmarks import LandmarksRecipe, LandmarksTask
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
Array = npt.NDArray[Any]

MESH = LandmarksRecipe(
    values=("x", "y", "z"), presence="flag", presence_decode="logit", skeleton="mediapipe_face468"
)
POSE = LandmarksRecipe(
    values=("x", "y", "z", "score", "skip"), scores="logits", presence="flag", skeleton="mediapipe_pose33"
)
MOVENET = LandmarksRecipe(values=("y", "x", "score"), unit="fraction", threshold=0.2, skeleton="coco17")
TENSOR = Context(tensor_wh=(200, 100), source_wh=(200, 100))


def read(
    recipe: LandmarksRecipe,
    context: Context = TENSOR,
    *,
    labels: tuple[str, ...] = (),
    grids: dict[str, tuple[float, int]] | None = None,
    shapes: dict[str, tuple[int, ...]] | None = None,
    **stored: Array,
) -> Landmarks:
    """The result of outputs by name; `grids`: their scale and zero point."""
    recipe.check()
    grids, shapes = grids or {}, shapes or {}
    specs = [
        TensorSpec(name, shapes.get(name, each.shape), str(each.dtype), *grids.get(name, ()))
        for name, each in stored.items()
    ]
    decoder = LandmarksTask().open(ModelCard(labels=labels), recipe, specs)
    (result,) = decoder.decode(Outputs.of(specs, stored), context, decoder.begin())
    assert isinstance(result, Landmarks)
    return result


def flag(value: float) -> Array:
    return np.full((1, 1, 1, 1), value, np.float32)


def mesh(seed: int = 0) -> Array:
    return np.random.default_rng(seed).uniform(0, 192, (1, 1, 1, 1404)).astype(np.float32)


def test_a_face_mesh_is_468_points_in_pixels_of_the_tensor() -> None:
    numbers = mesh()
    found = read(MESH, NOWHERE, points=numbers, flag=flag(3.0))
    rows = numbers.reshape(468, 3)
    np.testing.assert_array_equal(found.points_xy, rows[:, :2])
    assert found.depths is not None
    np.testing.assert_array_equal(found.depths, rows[:, 2])
    assert (found.scores == 1).all()
    assert found.score == pytest.approx(1 / (1 + np.exp(-3.0)), abs=1e-6)
    assert found.points_xy.dtype == found.scores.dtype == found.depths.dtype == np.float32


def test_of_39_body_points_the_first_33_are_kept_with_their_visibility() -> None:
    numbers = np.random.default_rng(1).uniform(-5, 250, (1, 195)).astype(np.float32)
    found = read(POSE, NOWHERE, points=numbers, flag=flag(0.75))
    rows = numbers.reshape(39, 5)[:33]
    np.testing.assert_array_equal(found.points_xy, rows[:, :2])
    np.testing.assert_allclose(found.scores, 1 / (1 + np.exp(-rows[:, 3].astype(np.float64))), atol=1e-6)
    assert found.score == 0.75
    assert (len(found.names), found.names[0], found.names[32]) == (33, "nose", "right_foot_index")


def test_movenet_gives_y_before_x_as_fractions() -> None:
    numbers = np.random.default_rng(2).uniform(0, 1, (1, 1, 17, 3)).astype(np.float32)
    found = read(MOVENET, points=numbers)
    y, x, score = numbers.reshape(17, 3).T
    np.testing.assert_allclose(found.points_xy, np.stack([x * 200, y * 100], axis=1), rtol=1e-6)
    np.testing.assert_array_equal(found.scores, score)
    assert found.score == pytest.approx(float(score.mean()), abs=1e-6)
    assert found.depths is None


def test_hand_points_have_no_scores_of_their_own() -> None:
    recipe = LandmarksRecipe(values=("x", "y", "z"), presence="flag", skeleton="mediapipe_hand21")
    found = read(recipe, points=np.ones((1, 63), np.float32), flag=flag(0.5), handedness=flag(0.1))
    assert found.names[8] == "index_tip"
    assert (found.scores == 1).all()
    assert found.score == 0.5


def test_centered_coordinates_run_from_minus_one_to_one() -> None:
    recipe = LandmarksRecipe(values=("x", "y", "z"), unit="centered")
    found = read(recipe, points=np.array([[-1, -1, 0.1, 1, 1, 0.2, 0, 0.5, 0.3]], np.float32))
    np.testing.assert_allclose(found.points_xy, [[0, 0], [200, 100], [100, 75]], atol=1e-4)
    np.testing.assert_allclose(found.depths, [10, 20, 30], rtol=1e-6)  # type: ignore[arg-type]


def test_depths_of_fractions_are_in_the_width_of_the_tensor() -> None:
    recipe = LandmarksRecipe(values=("x", "y", "z"), unit="fraction")
    found = read(recipe, points=np.array([[0.5, 0.5, 0.25]], np.float32))
    assert found.points_xy.tolist() == [[100, 50]]
    assert found.depths is not None
    assert found.depths.tolist() == [50]


def test_without_a_picture_coordinates_stay_as_they_are() -> None:
    recipe = LandmarksRecipe(unit="fraction")
    found = read(recipe, NOWHERE, points=np.array([[0.25, 0.75]], np.float32))
    assert found.points_xy.tolist() == [[0.25, 0.75]]


@pytest.mark.parametrize(("resize", "rounding"), [("stretch", 0.0), ("letterbox", 0.0), ("center-crop", 0.5)])
def test_the_middle_of_the_tensor_is_the_middle_of_the_picture(resize: str, rounding: float) -> None:
    """A crop begins at a whole pixel of the resized picture; the tensor's pixels are 3.75 of the source."""
    recipe = ImageRecipe(resize=resize)  # type: ignore[arg-type]
    context = Context(place(recipe, (1280, 720), (192, 192)).to_source, (1280, 720), (192, 192))
    found = read(LandmarksRecipe(), context, points=np.array([[96, 96]], np.float32))
    np.testing.assert_allclose(found.points_xy[0], (640, 360), rtol=1e-6, atol=rounding * 3.76)


def test_points_and_depths_follow_a_rotated_view() -> None:
    view = View.around((50, 40), (20, 20), (10, 10), angle=np.pi / 2)
    recipe = LandmarksRecipe(values=("x", "y", "z"))
    context = Context(view.to_source, (100, 80), (10, 10))
    found = read(recipe, context, points=np.array([[10, 5, 3, 5, 0, -1]], np.float32))
    np.testing.assert_allclose(found.points_xy, [[50, 50], [60, 40]], atol=1e-5)
    np.testing.assert_allclose(found.depths, [6, -2], atol=1e-5)  # type: ignore[arg-type]


def test_depths_are_in_the_scale_of_x() -> None:
    view = View.around((50, 40), (20, 50), (10, 10), angle=1.0)
    recipe = LandmarksRecipe(values=("x", "y", "z"))
    found = read(
        recipe, Context(view.to_source, (100, 80), (10, 10)), points=np.array([[5, 5, 3]], np.float32)
    )
    np.testing.assert_allclose(found.depths, [6], atol=1e-5)  # type: ignore[arg-type]


def test_points_outside_of_the_picture_are_kept() -> None:
    found = read(LandmarksRecipe(), points=np.array([[-30, 400]], np.float32))
    assert found.points_xy.tolist() == [[-30, 400]]


def test_quantized_points_are_dequantized() -> None:
    stored = np.array([[10, 20, 30, 40]], np.uint8)
    found = read(LandmarksRecipe(), points=stored, grids={"points": (0.5, 4)})
    assert found.points_xy.tolist() == [[3, 8], [13, 18]]


@pytest.mark.parametrize(("presence", "there"), [(0.49, False), (0.5, True), (0.51, True)])
def test_below_the_threshold_there_are_no_points(presence: float, there: bool) -> None:
    found = read(POSE, points=np.zeros((1, 195), np.float32), flag=flag(presence))
    assert found.score == pytest.approx(presence)
    assert found.points_xy.shape == ((33, 2) if there else (0, 2))
    assert found.scores.shape == ((33,) if there else (0,))
    assert bool(found.names) == bool(found.skeleton) == there


def test_without_a_flag_the_mean_score_of_the_points_counts() -> None:
    numbers = np.full((1, 1, 17, 3), 0.19, np.float32)
    assert read(MOVENET, points=numbers).points_xy.shape == (0, 2)
    numbers[..., 2] = 0.21
    assert read(MOVENET, points=numbers).points_xy.shape == (17, 2)


def test_without_any_score_the_threshold_is_ignored() -> None:
    found = read(LandmarksRecipe(threshold=1.0), points=np.zeros((1, 4), np.float32))
    assert (found.score, len(found.points_xy)) == (1.0, 2)


def test_scores_beyond_0_and_1_are_cut() -> None:
    numbers = np.array([[1, 1, 1.5, 2, 2, -0.5]], np.float32)
    found = read(LandmarksRecipe(values=("x", "y", "score"), threshold=0.0), points=numbers)
    assert found.scores.tolist() == [1, 0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", range(4))
def test_numbers_that_are_not_finite_are_an_error_and_never_a_point(value: float, column: int) -> None:
    recipe = LandmarksRecipe(values=("x", "y", "z", "score"), presence="flag", names=("a", "b"))
    numbers = np.full((1, 8), 0.5, np.float32)
    numbers[0, 4 + column] = value
    if column == 3 and not np.isnan(value):
        assert read(recipe, points=numbers, flag=flag(1)).scores[1] == (value > 0)
        return
    with pytest.raises(ArtifactError, match=r"'points'.*NaN or infinite"):
        read(recipe, points=numbers, flag=flag(1))


def test_nan_points_of_what_is_not_there_are_no_error() -> None:
    found = read(POSE, points=np.full((1, 195), np.nan, np.float32), flag=flag(0.1))
    assert found.points_xy.shape == (0, 2)


def test_nan_scores_without_a_flag_are_an_error() -> None:
    with pytest.raises(ArtifactError, match="NaN"):
        read(MOVENET, points=np.full((1, 1, 17, 3), np.nan, np.float32))


def test_points_too_far_away_for_a_float_are_an_error() -> None:
    context = Context(np.array([[1e5, 0, 0], [0, 1e5, 0]]), (10, 10), (10, 10))
    with pytest.raises(ArtifactError, match="infinite"):
        read(LandmarksRecipe(), context, points=np.array([[3e38, 0]], np.float32))


def test_a_flag_of_nan_is_an_error() -> None:
    with pytest.raises(ArtifactError, match=r"'flag'.*found NaN"):
        read(POSE, points=np.zeros((1, 195), np.float32), flag=flag(np.nan))


def test_two_flags_are_an_error() -> None:
    with pytest.raises(ArtifactError, match=r"expected one number.*shape \[2, 1\]"):
        read(
            POSE,
            points=np.zeros((1, 195), np.float32),
            flag=np.ones((2, 1), np.float32),
            shapes={"flag": (-1, 1)},
        )


def test_a_flag_beyond_1_is_cut() -> None:
    assert read(POSE, points=np.zeros((1, 195), np.float32), flag=flag(1.2)).score == 1.0


def test_another_size_than_the_file_says_is_an_error() -> None:
    with pytest.raises(ArtifactError, match=r"expected the shape \[1, 4\], found \[1, 6\]"):
        read(LandmarksRecipe(), points=np.zeros((1, 6), np.float32), shapes={"points": (1, 4)})


@pytest.mark.parametrize(
    ("recipe", "shapes", "message"),
    [
        (MESH, {"points": (1, 1401), "flag": (1, 1)}, "468 points or more.*x, y, z for each point"),
        (MESH, {"points": (1, 1404)}, "'flag' to be an output with one number"),
        (MESH, {"points": (1, 1404), "flag": (1, 2)}, "'flag' to be an output with one number"),
        (LandmarksRecipe(points="p"), {"points": (1, 4)}, "expected output 'p'"),
        (LandmarksRecipe(), {"points": (1, 5)}, r"a multiple of 2 numbers"),
        (LandmarksRecipe(), {"points": (8, 6)}, "expected an output"),
        (LandmarksRecipe(count=3), {"points": (1, 4)}, "3 points or more"),
        (LandmarksRecipe(names=("a", "b", "c")), {"points": (1, 4)}, "3 points or more"),
        (LandmarksRecipe(names=("a",), count=2), {"points": (1, 4)}, "one for each of 2 points, found 1"),
        (LandmarksRecipe(edges=(0, 2)), {"points": (1, 4)}, "from 0 to 1, found 2"),
        (LandmarksRecipe(form="heat-maps"), {"points": (1, 4)}, r"\[1, H, W, K\]"),
    ],
)
def test_outputs_that_do_not_fit_are_refused(
    recipe: LandmarksRecipe, shapes: dict[str, tuple[int, ...]], message: str
) -> None:
    specs = [TensorSpec(name, shape, "float32") for name, shape in shapes.items()]
    with pytest.raises(CardError, match=message):
        LandmarksTask().open(ModelCard(), recipe, specs)


def test_integers_without_a_scale_are_no_points() -> None:
    with pytest.raises(CardError, match="float or quantized"):
        LandmarksTask().open(ModelCard(), LandmarksRecipe(), [TensorSpec("points", (1, 4), "int32")])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"values": ("x", "z")}, '^values: expected "y" once, found 0'),
        ({"values": ("x", "y", "x")}, '^values: expected "x" once, found 2'),
        ({"values": ("x", "y", "score", "score")}, '^values: expected "score" at most once'),
        ({"values": ("x", "y", "z", "z")}, '^values: expected "z" at most once'),
        ({"edges": (1, 2, 3)}, "^edges: expected two numbers for each line, found 3"),
        ({"skeleton": "coco17", "names": ("a",)}, "^skeleton: .*Leave out"),
        ({"skeleton": "coco17", "edges": (0, 1)}, "^skeleton: .*Leave out"),
    ],
)
def test_rules_between_fields(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(CardError, match=message):
        LandmarksRecipe(**fields).check()


def test_names_and_lines_of_the_recipe() -> None:
    recipe = LandmarksRecipe(names=("a", "b", "c"), edges=(0, 1, 1, 2))
    found = read(recipe, points=np.zeros((1, 6), np.float32))
    assert (found.names, found.skeleton) == (("a", "b", "c"), ((0, 1), (1, 2)))
    assert len(found.points_xy) == 3


def test_fewer_names_than_points_are_an_error_unless_the_count_says_so() -> None:
    recipe, points = LandmarksRecipe(names=("a", "b", "c")), np.zeros((1, 8), np.float32)
    with pytest.raises(CardError, match="expected one for each of 4 points, found 3"):
        read(recipe, points=points)
    assert len(read(replace(recipe, count=3), points=points).points_xy) == 3


@pytest.mark.parametrize("unit", ["fraction", "pixels"])
def test_a_unit_that_can_hardly_be_is_told_once(unit: Any, caplog: pytest.LogCaptureFixture) -> None:
    context = Context(source_wh=(64, 64), tensor_wh=(64, 64))
    far = 40.0 if unit == "fraction" else 0.5
    with caplog.at_level(logging.WARNING, "edgemm"):
        read(LandmarksRecipe(unit=unit), context, points=np.full((1, 8), far, np.float32))
        read(
            LandmarksRecipe(unit=unit),
            context,
            points=np.full((1, 8), 2 if unit == "fraction" else 3, np.float32),
        )
    (said,) = [each.getMessage() for each in caplog.records]
    assert f'"unit": "{"pixels" if unit == "fraction" else "fraction"}"' in said


@pytest.mark.parametrize(
    ("score", "there", "kinds"), [(7.0, 1, 1), (1.01, 1, 0), (0.5, 9.0, 1), (-1.0, 1, 1)]
)
def test_probabilities_that_are_none_are_told(
    score: float, there: float, kinds: int, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = LandmarksRecipe(values=("x", "y", "score"), presence="flag")
    with caplog.at_level(logging.WARNING, "edgemm"):
        found = read(recipe, points=np.full((1, 6), score, np.float32), flag=flag(there))
    assert 0 <= found.scores.min() <= found.scores.max() <= 1
    assert len([each for each in caplog.records if "Are they logits?" in each.getMessage()]) == kinds


def test_labels_of_the_card_are_names_where_the_recipe_has_none() -> None:
    found = read(LandmarksRecipe(), labels=("tip", "base"), points=np.zeros((1, 4), np.float32))
    assert found.names == ("tip", "base")
    assert read(MOVENET, labels=("x",), points=np.ones((1, 1, 17, 3), np.float32)).names[0] == "nose"


def test_results_keep_their_points_when_the_next_picture_comes() -> None:
    spec = TensorSpec("points", (1, 8), "float32")
    recipe = LandmarksRecipe(values=("x", "y", "score", "z"))
    stored = np.ones(spec.shape, np.float32)
    decoder = LandmarksTask().open(ModelCard(), recipe, [spec])
    outputs = Outputs([spec], [stored].__getitem__)
    first = decoder.whole([outputs], NOWHERE, 0.0)
    stored[...] = 0.75
    assert (first.points_xy == 1).all()
    assert first.depths is not None
    assert (first.depths == 1).all()
    assert (first.scores == 1).all()
    assert not list(decoder.end(NOWHERE, None))
