"""Filters against small pictures whose answers are worked out by hand in NumPy."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import package

import edgemm
from edgemm.card.key_reference import keys
from edgemm.filters.session import filtered as run
from edgemm.filters.table import FILTERS, find_filter, read_filter
from edgemm.session import NO_CLOCK

cv2 = package("cv2")
pytestmark = pytest.mark.device
RNG = np.random.default_rng(3)
GRAY = RNG.integers(0, 256, (37, 53), np.uint8)
COLORS = RNG.integers(0, 256, (37, 53, 3), np.uint8)
SMOOTH = np.asarray(cv2.GaussianBlur(COLORS, (0, 0), 4))
"""Without the noise: what filters of a picture of real things see."""


def filtered(text: str, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return edgemm.Filter(text)(pixels).pixels


def windows(pixels: npt.NDArray[np.uint8], size: int, mode: str = "reflect") -> npt.NDArray[np.float64]:
    """float64[height, width, size, size]: what lies around each pixel."""
    padded: Any = np.pad(pixels.astype(np.float64), size // 2, mode=mode)  # type: ignore[call-overload]
    seen: npt.NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(padded, (size, size))
    return seen


def correlated(kernel: npt.ArrayLike) -> npt.NDArray[np.float64]:
    weights = np.asarray(kernel, np.float64)
    return np.asarray((windows(GRAY, len(weights)) * weights).sum(axis=(2, 3)))


SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
SCHARR = np.array([[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]])


def test_blur_is_the_mean_of_a_window() -> None:
    assert np.abs(filtered("blur?size=7", GRAY) - windows(GRAY, 7).mean(axis=(2, 3))).max() <= 0.5 + 1e-9


def test_gaussian_is_a_mean_by_a_bell() -> None:
    bell = np.exp(-(np.arange(-10, 11.0) ** 2) / (2 * 2.0**2))
    bell /= bell.sum()
    expected = correlated(np.outer(bell, bell))
    assert np.abs(filtered("gaussian?size=21&sigma=2", GRAY) - expected).max() <= 1.5


def test_median_is_the_middle_of_a_window() -> None:
    expected = np.median(windows(GRAY, 5, "edge"), axis=(2, 3))
    assert (filtered("median?size=5", GRAY) == expected).all()


def test_bilateral_keeps_an_edge_that_a_mean_blurs() -> None:
    step = np.zeros((20, 20), np.uint8)
    step[:, 10:] = 200
    noisy = (step + RNG.integers(0, 8, step.shape)).astype(np.uint8)
    kept = filtered("bilateral?size=7&levels=20&sigma=3", noisy).astype(int)
    assert kept[:, :10].max() < 10
    assert kept[:, 10:].min() > 195
    assert kept[:, :10].std() < 0.6 * noisy[:, :10].std()


@pytest.mark.parametrize("amount", [0.0, 0.5, 2.0])
def test_sharpen_adds_what_a_blur_takes_away(amount: float) -> None:
    soft = cv2.GaussianBlur(GRAY, (0, 0), 1.5).astype(float)
    expected = np.clip(GRAY + amount * (GRAY - soft), 0, 255)
    assert np.abs(filtered(f"sharpen?amount={amount}&sigma=1.5", GRAY) - expected).max() <= 0.5 + 1e-9


@pytest.mark.parametrize(("name", "kernel", "gain"), [("sobel", SOBEL, 1.0), ("scharr", SCHARR, 0.25)])
@pytest.mark.parametrize("axis", ["x", "y", "both"])
def test_slopes(name: str, kernel: npt.NDArray[np.int64], gain: float, axis: str) -> None:
    x, y = correlated(kernel), correlated(kernel.T)
    expected = {"x": np.abs(x), "y": np.abs(y), "both": np.hypot(x, y)}[axis] * gain
    found = filtered(f"{name}?axis={axis}", GRAY)
    assert np.abs(found - np.clip(expected, 0, 255)).max() <= 0.5 + 1e-3


def test_gain_makes_slopes_brighter() -> None:
    assert (
        np.abs(filtered("sobel?axis=x&gain=0.1", GRAY) - np.abs(correlated(SOBEL)) * 0.1).max() <= 0.5 + 1e-3
    )


def test_laplacian() -> None:
    expected = np.abs(correlated([[2, 0, 2], [0, -8, 0], [2, 0, 2]]))
    assert (filtered("laplacian?size=3", GRAY) == np.clip(expected, 0, 255)).all()


def test_canny_finds_the_outline_of_a_square_one_pixel_wide() -> None:
    picture = np.zeros((60, 60), np.uint8)
    picture[20:40, 15:45] = 255
    edges = filtered("canny?low=50&high=150", picture)
    assert set(np.unique(edges)) == {0, 255}
    rows, columns = np.nonzero(edges)
    assert (rows.min() in (19, 20), rows.max() in (39, 40)) == (True, True)
    assert (columns.min() in (14, 15), columns.max() in (44, 45)) == (True, True)
    assert 90 <= len(rows) <= 102  # 2 x (20 + 30) less the corners
    assert not filtered("canny?low=5000&high=6000", picture).any()


def test_canny_goes_on_along_a_weak_edge_from_a_strong_one() -> None:
    picture = np.zeros((80, 40), np.uint8)
    picture[:, 20:] = np.linspace(30, 120, 80)[:, None]  # the slope is 4 times that
    both, strong = (filtered(f"canny?low={low}&high=300", picture) for low in (140, 300))
    assert both[:, 15:25].any(axis=1).sum() > strong[:, 15:25].any(axis=1).sum() + 15


def test_gray_is_brightness_whatever_the_order_of_channels() -> None:
    expected = COLORS.astype(float) @ [0.299, 0.587, 0.114]
    assert np.abs(filtered("gray", COLORS) - expected).max() <= 1
    frame = edgemm.Frame(np.ascontiguousarray(COLORS[..., ::-1]), 0, 0, "bgr")
    assert (edgemm.Filter("gray")(frame).pixels == filtered("gray", COLORS)).all()


def test_invert() -> None:
    assert (filtered("invert", COLORS) == 255 - COLORS).all()


def test_equalize_spreads_the_levels() -> None:
    dull = (GRAY // 4 + 90).astype(np.uint8)  # of 64 levels
    counts = np.bincount(dull.ravel(), minlength=256)
    cumulative = np.cumsum(counts)
    first = counts[np.nonzero(counts)[0][0]]
    table = np.round((cumulative - first) / (dull.size - first) * 255)
    assert (filtered("equalize", dull) == table[dull]).all()


@pytest.mark.parametrize("name", ["equalize", "clahe?limit=3&tiles=2"])
@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_equalization_keeps_colours(name: str, color: Any) -> None:
    pixels = SMOOTH if color == "rgb" else np.ascontiguousarray(SMOOTH[..., ::-1])
    found = edgemm.Filter(name)(edgemm.Frame(pixels, 0, 0, color)).pixels.astype(float)
    assert (found == edgemm.Filter(name)(SMOOTH).pixels).all()
    weights = np.array([0.299, 0.587, 0.114])
    red = [(each[..., 0] - each @ weights) for each in (SMOOTH.astype(float), found)]
    inside = ((found > 3) & (found < 252)).all(axis=2)
    assert inside.mean() > 0.3
    assert np.abs(red[0] - red[1])[inside].max() <= 3  # Cr is as it was
    assert found.std() > SMOOTH.std()


def test_clahe_is_local() -> None:
    """A dark half and a bright half, each with a faint pattern: both patterns become strong."""
    pattern = np.indices((64, 64)).sum(axis=0) % 2 * 8
    picture = (pattern + np.where(np.arange(64) < 32, 20, 200)).astype(np.uint8)
    found = filtered("clahe?limit=40&tiles=4", picture).astype(int)
    for half in (found[:, 4:24], found[:, 40:60]):
        assert half.std() > 2.5 * 4


def test_threshold() -> None:
    assert (filtered("threshold?level=100", GRAY) == np.where(GRAY > 100, 255, 0)).all()
    assert (filtered("threshold?level=100&inverse=true", GRAY) == np.where(GRAY > 100, 0, 255)).all()
    two_heaps = np.concatenate([RNG.integers(20, 60, (20, 20)), RNG.integers(160, 220, (20, 20))]).astype(
        np.uint8
    )
    assert (filtered("threshold", two_heaps) == np.where(two_heaps > 100, 255, 0)).all()


def test_adaptive_reads_dark_marks_in_uneven_light() -> None:
    light = np.linspace(60, 240, 200).astype(np.uint8)[None].repeat(60, axis=0)
    marks = np.zeros((60, 200), bool)
    marks[20:24, 10:190:12] = True
    page = np.where(marks, light - 40, light).astype(np.uint8)
    assert ((filtered("adaptive?size=31&below=10", page) == 0) == marks).mean() > 0.999
    assert ((filtered("adaptive?size=31&below=10&mean=flat", page) == 0) == marks).mean() > 0.999
    assert ((filtered("adaptive?inverse=true", page) == 255) == marks).mean() > 0.999
    assert ((filtered("threshold", page) == 0) == marks).mean() < 0.9  # one level for all cannot


@pytest.mark.parametrize("shape", ["rectangle", "cross"])
def test_morphology(shape: str) -> None:
    window = (
        np.ones((3, 3), bool) if shape == "rectangle" else np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)
    )

    def least(of: npt.NDArray[Any], fill: int = 255) -> npt.NDArray[Any]:
        padded = np.pad(of, 1, constant_values=fill)
        seen = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
        return np.asarray(np.where(window, seen, fill).min(axis=(2, 3)))

    def most(of: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return 255 - least(255 - of)

    gray = GRAY.astype(int)
    expected = {
        "erode": least(gray), "dilate": most(gray), "open": most(least(gray)), "close": least(most(gray)),
        "gradient": most(gray) - least(gray), "tophat": gray - most(least(gray)),
        "blackhat": least(most(gray)) - gray,
    }  # fmt: skip
    for name, wanted in expected.items():
        assert (filtered(f"{name}?shape={shape}", GRAY) == wanted).all(), name
    assert (filtered(f"erode?shape={shape}&times=2", GRAY) == least(least(gray))).all()


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (7, 5), (7, 5, 3), (1, 1, 3)])
def test_every_filter_takes_every_picture_and_keeps_its_size(name: str, shape: tuple[int, ...]) -> None:
    pixels = np.resize(COLORS, shape)
    before = pixels.copy()
    found = filtered(name, pixels)
    assert found.shape[:2] == shape[:2]
    assert found.dtype == np.uint8
    assert (pixels == before).all()  # what it was given is as it was


@pytest.mark.parametrize("name", FILTERS)
def test_a_view_of_a_picture_is_as_good_as_a_copy(name: str) -> None:
    views = SMOOTH[::-1, ::2], SMOOTH[3:-3, 5:-2], SMOOTH[..., ::-1]
    for view in views:
        assert (filtered(name, view) == filtered(name, view.copy())).all()


@pytest.mark.parametrize("name", FILTERS)
def test_a_session_gives_the_same_whatever_it_saw_before(name: str) -> None:
    """Its memory is used again, for pictures of other sizes and colours too."""
    session = edgemm.Filter(name, "invert").session()
    for pixels, color in (
        (SMOOTH, "rgb"),
        (GRAY, "gray"),
        (SMOOTH[:9], "bgr"),
        (SMOOTH, "rgb"),
        (GRAY[:, :8], "gray"),
    ):
        frame = edgemm.Frame(pixels, 5, 0, color)  # type: ignore[arg-type]
        (emission,) = session.feed(frame, NO_CLOCK)
        assert isinstance(emission.value, edgemm.Picture)
        assert (emission.value.pixels == edgemm.Filter(name, "invert")(frame).pixels).all()
        assert emission.begin_ns == emission.newest_ns == 5


def test_a_stream_allocates_no_picture_but_its_results() -> None:
    kernels = edgemm.Filter("gaussian", "clahe", "canny").kernels()
    frame = edgemm.Frame(COLORS, 0, 0, "rgb")
    first = run(frame, kernels, NO_CLOCK).pixels
    again = run(frame, kernels, NO_CLOCK).pixels
    assert np.shares_memory(first, again)


def test_results_are_the_users_own() -> None:
    session = edgemm.Filter("invert").session()
    kept = [
        next(iter(session.feed(edgemm.Frame(each, 0, 0, "gray"), NO_CLOCK))).value
        for each in (GRAY, 255 - GRAY)
    ]
    assert (kept[0].pixels == 255 - GRAY).all()  # type: ignore[attr-defined]


def test_they_are_applied_in_order() -> None:
    one, other = (
        edgemm.Filter("gray", "threshold?level=128", "invert"),
        edgemm.Filter("invert", "threshold?level=128"),
    )
    assert one.names == ("gray", "threshold", "invert")
    assert (one(COLORS).pixels == 255 - filtered("threshold?level=128", COLORS)).all()
    assert not (one(COLORS).pixels == other(COLORS).pixels).all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cany", "Did you mean 'canny'"),
        ("", "expected one of"),
        ("canny?lo=5", "Did you mean 'low'"),
        ("canny?low=200&high=100", "at most high"),
        ("canny?size=4", "odd"),
        ("sobel?size=9", "1 to 7"),
        ("canny?low", "NAME=VALUE"),
        ("canny?low=1&low=2", "twice"),
        ("canny?low=", "number"),
        ("blur?size=4", "odd"),
        ("blur?size=257", "1 to 255"),
        ("blur?size=2.5", "whole number"),
        ("median?size=0", "1 to 255"),
        ("gaussian?size=0", "above 0"),
        ("laplacian?size=2", "odd"),
        ("adaptive?size=30", "odd"),
        ("threshold?level=256", "-1 to 255"),
        ("threshold?inverse=1", "true or false"),
        ("erode?shape=round", "rectangle"),
        ("clahe?limit=nan", "number"),
        ("gray?x=1", "it has none"),
        ("canny?low=50?high=150", r"second question mark in 'canny\?low=50\?high=150'"),
        (3, "expected a name"),
    ],
)
def test_what_is_no_filter_is_refused(text: Any, said: str) -> None:
    with pytest.raises(edgemm.InputError, match=said):
        edgemm.Filter(text)


def test_how_many_there_may_be() -> None:
    for count in (0, 33):
        with pytest.raises(edgemm.InputError, match=f"found {count}"):
            edgemm.Filter(*["gray"] * count)


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((0, 5, 3), np.uint8), np.zeros((5, 0), np.uint8), np.zeros((4, 4, 4), np.uint8),
     np.zeros((4, 4, 1), np.uint8), np.zeros((4, 4), np.float32), np.zeros(4, np.uint8), "cat.png", None],
)  # fmt: skip
def test_what_is_no_picture_is_refused(pixels: Any) -> None:
    with pytest.raises(edgemm.InputError, match=r"takes? pictures"):
        edgemm.Filter("canny")(pixels)


@pytest.mark.parametrize("name", FILTERS)
def test_every_setting_can_be_written_as_the_page_says(name: str) -> None:
    """Its default, its bounds, and each of its words."""
    kind = find_filter(name)
    for key in keys(kind):
        words = [each.strip('"') for each in key.allowed.split(", ")] if '"' in key.allowed else []
        ends = (
            []
            if words or not key.allowed
            else re.findall(r"-?[\d.]+(?:e[+-]?\d+)?", key.allowed.replace(",", ""))
        )
        given = [key.default.strip('"'), *words, *ends]
        beside = {"high": "&low=0", "low": "&high=100000", "sigma": "&size=3"}.get(key.name, "")
        for value in given:
            if key.name == "size" and float(value) % 2 == 0:
                continue  # those that must be odd
            setting = f"{key.name}={value}{beside if name in ('canny', 'gaussian') else ''}"
            assert filtered(f"{name}?{setting}", SMOOTH).shape[:2] == SMOOTH.shape[:2], setting


@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_sobel_of_every_size(size: int) -> None:
    smooth, steep = cv2.getDerivKernels(0, 1, size)[0], cv2.getDerivKernels(1, 0, size)[0]
    kernel = np.outer(smooth, steep)
    side = max(kernel.shape)
    whole = np.zeros((side, side))
    row, column = (side - kernel.shape[0]) // 2, (side - kernel.shape[1]) // 2
    whole[row : row + kernel.shape[0], column : column + kernel.shape[1]] = kernel
    expected = np.clip(np.abs(correlated(whole)) * 0.01, 0, 255)
    assert np.abs(filtered(f"sobel?axis=x&gain=0.01&size={size}", GRAY) - expected).max() <= 0.5 + 1e-2


@pytest.mark.parametrize("size", [15, 21, 31])
def test_what_is_far_above_white_is_white(size: int) -> None:
    """Wide kernels have sums beyond 32 bits."""
    truth = np.abs(cv2.Laplacian(SMOOTH[..., 0], cv2.CV_64F, ksize=size))
    for gain in (1.0, 255 / truth.max()):
        found = filtered(f"laplacian?size={size}&gain={gain}", SMOOTH[..., 0])
        assert np.abs(found - np.clip(truth * gain, 0, 255)).max() <= 1


def test_settings_are_explained() -> None:
    """docs/filters.md is made of these."""
    for name in FILTERS:
        kind = find_filter(name)
        assert (kind.__doc__ or "").strip()
        assert {each.name for each in keys(kind)} == set(kind.OPTIONS), name
        assert all(each.meaning for each in keys(kind)), name
        assert read_filter(name)[1] == kind()
