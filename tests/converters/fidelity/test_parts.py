"""Parts of an output that mean different things."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.converters.fidelity import Role, compare
from edgemm.converters.fidelity.parts import ranges_in_words, unlike
from edgemm.converters.fidelity.role import Part

Array = npt.NDArray[Any]
HEAD = Role(
    part_axis=-2, parts=(Part((0, 1, 2, 3)), Part(tuple(range(4, 84)), bounded=True)), channel_axis=-2
)


def detections(samples: int = 8, anchors: int = 400, seed: int = 0) -> Array:
    """[samples, 1, 84, anchors]: boxes in 0..640, scores in 0..1 of which few classes ever occur."""
    draw = np.random.default_rng(seed)
    out = np.empty((samples, 1, 84, anchors), np.float32)
    out[:, :, :4] = draw.uniform(0, 640, (samples, 1, 4, anchors))
    out[:, :, 4:] = draw.uniform(1e-5, 2e-4, (samples, 1, 80, anchors))
    for sample in range(samples):
        for _ in range(6):
            anchor = draw.integers(0, anchors - 4)
            out[sample, 0, 4 + draw.choice([0, 2, 15]), anchor : anchor + 4] = draw.uniform(0.4, 0.95)
    return out


def on_a_grid(array: Array, step: float) -> Array:
    return np.asarray(np.round(array / step) * step)


def test_scores_lost_beside_boxes_in_pixels_are_found() -> None:
    """One grid for both: 640 / 255 is coarser than any score, and the whole still has 50 dB."""
    source = detections()
    found = compare({"y": source}, {"y": on_a_grid(source, 640 / 255)}, roles={"y": HEAD})
    (one,) = found.outputs
    assert one.snr_db > 45
    assert one.worst_db == pytest.approx(0.0, abs=0.1)  # all scores are 0: the noise is the signal
    assert "0.0 dB in 4-83 of axis 1 against float" in found.missed[0]


def test_a_grid_for_each_part_passes_although_most_classes_never_occur() -> None:
    """Scores of 1e-4 round to 0 in steps of 1/256: no error that anybody could see."""
    source = detections()
    file = source.copy()
    file[:, :, :4] = on_a_grid(source[:, :, :4], 640 / 255)
    file[:, :, 4:] = on_a_grid(source[:, :, 4:], 1 / 256)
    found = compare({"y": source}, {"y": file}, roles={"y": HEAD})
    assert found.missed == ()
    assert [part.snr_db > 40 for part in found.outputs[0].parts] == [True, True]


def test_pictures_without_detections_pass_and_false_ones_miss() -> None:
    source = detections()
    source[:, :, 4:] = np.minimum(source[:, :, 4:], 2e-4)
    file = source.copy()
    file[:, :, 4:] = on_a_grid(source[:, :, 4:], 1 / 256)
    assert compare({"y": source}, {"y": file}, roles={"y": HEAD}).missed == ()
    file[3, 0, 7, 100] = 0.6
    assert "4-83 of axis 1" in compare({"y": source}, {"y": file}, roles={"y": HEAD}).missed[0]


def test_parts_are_found_along_the_last_axis_too() -> None:
    source = np.swapaxes(detections(), -1, -2)
    role = Role(part_axis=-1, parts=HEAD.parts)
    found = compare({"y": source}, {"y": on_a_grid(source, 640 / 255)}, roles={"y": role})
    assert "4-83 of axis 2" in found.missed[0]


def test_the_account_names_the_parts() -> None:
    source = detections()
    found = compare({"y": source}, {"y": on_a_grid(source, 640 / 255)}, roles={"y": HEAD}).to_json()
    parts = found["outputs"][0]["parts"]
    assert [(each["axis"], each["indices"]) for each in parts] == [(1, "4-83"), (1, "0-3")]
    assert parts[0]["snr_db"] < 1 < 40 < parts[1]["snr_db"]


def test_an_output_of_one_kind_has_no_parts_on_record() -> None:
    source = np.random.default_rng(0).normal(size=(4, 1, 6, 9))
    found = compare({"y": source}, {"y": source}, roles={"y": Role(channel_axis=-2)})
    assert "parts" not in found.to_json()["outputs"][0]


CHANNELS = Role(channel_axis=-1)


def landmarks() -> Array:
    """[16, 1, 195]: x, y, z in pixels, then visibility and presence, of 39 points, one layer's channels."""
    draw = np.random.default_rng(1)
    points = draw.uniform(-256, 256, (16, 1, 39, 5))
    points[..., 3:] = draw.uniform(-1, 1, (16, 1, 39, 2)) * 4
    return points.reshape(16, 1, 195)


def test_channels_of_one_layer_are_parts_where_their_sizes_lie_far_apart() -> None:
    """Pixels and logits share a grid of 2 per step: the logits have 10 dB, the whole 50."""
    source = landmarks()
    found = compare({"y": source}, {"y": on_a_grid(source, 2.0)}, roles={"y": CHANNELS})
    assert found.outputs[0].snr_db > 45
    assert "3-4,8-9,13-14,18-19,23-24,28-29 and 66 more of axis 1" in found.missed[0]


def test_channels_of_all_sizes_are_one_part() -> None:
    """Embeddings: busy and idle channels, 1 to 1000 without a gap."""
    source = np.random.default_rng(2).normal(size=(16, 1, 64)) * np.logspace(0, -3, 64)
    assert len(unlike(source, -1, range(64))) == 1
    assert compare({"y": source}, {"y": on_a_grid(source, 0.02)}, roles={"y": CHANNELS}).missed == ()


def test_a_channel_that_never_varies_is_not_judged_apart() -> None:
    source = np.random.default_rng(3).normal(size=(16, 1, 8))
    source[..., 5], source[..., 6] = 1e-4 + source[..., 5] * 1e-9, 0.0
    assert unlike(source, -1, range(8)) == [(0, 1, 2, 3, 4, 7)]
    assert compare({"y": source}, {"y": on_a_grid(source, 0.02)}, roles={"y": CHANNELS}).missed == ()


def test_joined_parts_of_one_size_are_judged_apart_too() -> None:
    role = Role(part_axis=-1, parts=(Part((0, 1)), Part((2, 3))))
    source = np.random.default_rng(4).normal(size=(16, 4))
    file = source.copy()
    file[:, 2:] *= 1.2
    found = compare({"y": source}, {"y": file}, roles={"y": role})
    assert "14.0 dB in 2-3 of axis 0" in found.missed[0]


def test_a_joined_constant_has_no_scale_of_its_own() -> None:
    role = Role(part_axis=-1, parts=(Part((0, 1)), Part((2,))))
    source = np.random.default_rng(5).normal(size=(16, 3))
    source[:, 2] = 0.0
    assert compare({"y": source}, {"y": on_a_grid(source, 0.02) + 0.01}, roles={"y": role}).missed == ()


def test_one_score_that_never_rises_passes() -> None:
    """A keyword that nobody says: 1e-4 becomes 0."""
    source = np.random.default_rng(6).uniform(0, 3e-4, (16, 1, 1))
    assert compare({"y": source}, {"y": source * 0}, roles={"y": Role(bounded=True)}).missed == ()
    assert compare({"y": source}, {"y": source * 0}, roles={"y": Role()}).missed != ()


def test_an_error_above_one_step_counts_whole() -> None:
    source = np.full((1, 100), 0.5)
    found = compare({"y": source}, {"y": source + 0.05}, roles={"y": Role(bounded=True)})
    assert found.outputs[0].worst_db == pytest.approx(20.0, abs=1e-6)


@pytest.mark.parametrize(
    ("indices", "words"),
    [
        ((3,), "3"),
        ((0, 1, 2, 3), "0-3"),
        ((0, 2, 3, 9), "0,2-3,9"),
        (range(0, 20, 2), "0,2,4,6,8,10 and 4 more"),
    ],
)
def test_indices_in_words(indices: Any, words: str) -> None:
    assert ranges_in_words(indices) == words
