"""LiteRT: tensors in place, coverage, and errors that say what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from needs import needs

from edgemm.artifact import read_artifact
from edgemm.backends import Backend, Coverage, litert, open_backend
from edgemm.backends.nodes import Node, accelerated, by_xnnpack
from edgemm.errors import (
    DamagedArtifact,
    DelegateMissing,
    InputError,
    UnsupportedVersion,
)
from edgemm.litert_runtime import find_litert

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"


@pytest.fixture(autouse=True)
def _runtime() -> None:
    needs(find_litert)


def opened(name: str, **options: object) -> Backend:
    return open_backend(read_artifact(ASSETS / name), **options)  # type: ignore[arg-type]


def test_it_is_a_backend() -> None:
    assert isinstance(opened("add.tflite"), Backend)


def test_it_runs_what_lies_in_the_buffer() -> None:
    backend = opened("two_adds.tflite")
    backend.input_buffer(0)[...] = [1, -2, 3, 4]
    backend.run()
    np.testing.assert_array_equal(backend.output_buffer(0), [3, 2, 9, 12])


def test_the_buffers_of_a_static_graph_stay_the_same_memory() -> None:
    backend = opened("add.tflite")
    before, after = backend.input_buffer(0), backend.output_buffer(0)
    for value in (1.0, 2.0):
        before[...] = value
        backend.run()
        assert after[0] == 2 * value
    assert backend.input_buffer(0) is before


def test_a_tensor_without_dimensions_is_written_and_read() -> None:
    backend = opened("add_numbers.tflite")
    before, after = backend.input_buffer(0), backend.output_buffer(0)
    for value in (1.0, -2.5):
        before[...] = value
        backend.run()
        assert after.shape == ()
        assert after == 2 * value
    assert backend.input_buffer(0) is before


def test_an_output_whose_size_is_found_while_running() -> None:
    backend = opened("where.tflite")
    for wanted in ([1], [0, 2, 3]):
        backend.input_buffer(0)[...] = np.isin(np.arange(4), wanted)
        backend.run()
        np.testing.assert_array_equal(backend.output_buffer(0).ravel(), wanted)


def test_tensors_are_described_with_their_quantization() -> None:
    backend = opened("quadrant.tflite")
    (pixels,), (scores,) = backend.inputs, backend.outputs
    assert (pixels.name, pixels.shape, pixels.dtype) == ("pixels", (1, 2, 2, 1), "int8")
    assert pixels.scale == pytest.approx(1 / 255)  # stored as float32
    assert pixels.zero_point == -128
    assert (scores.scale, scores.zero_point) == (1 / 256, -128)


def test_a_float_tensor_is_not_quantized() -> None:
    assert not opened("add.tflite").inputs[0].quantized


def test_what_xnnpack_runs_is_told() -> None:
    backend = opened("two_adds.tflite", delegate="cpu")
    assert backend.delegates == ("xnnpack",)
    assert backend.coverage == Coverage(3, 3, 1, {}, "xnnpack")
    assert str(backend.coverage) == "xnnpack runs 3 of 3 operators (1 piece)"


@pytest.mark.parametrize("threads", [1, 2])
def test_what_xnnpack_leaves_to_the_plain_kernels_is_told(threads: int) -> None:
    backend = opened("quadrant.tflite", threads=threads)
    assert backend.delegates == ("xnnpack", "cpu")
    assert backend.coverage == Coverage(2, 3, 1, {"SOFTMAX": 1}, "xnnpack")  # XNNPACK has no int8 softmax
    assert str(backend.coverage) == "xnnpack runs 2 of 3 operators (1 piece); the rest: SOFTMAX"


def test_a_model_that_xnnpack_takes_nothing_of() -> None:
    backend = opened("where.tflite", delegate="cpu")
    assert backend.delegates == ("cpu",)
    assert str(backend.coverage) == "xnnpack runs none of 1 operator; the rest: WHERE"


def test_a_runtime_that_lists_no_nodes_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert, "list_nodes", lambda interpreter: ())
    backend = opened("two_adds.tflite")
    assert (backend.coverage, str(backend.coverage)) == (Coverage(), "not told by this runtime")
    assert backend.delegates == ("cpu",)


def test_a_piece_whose_operators_are_not_found_is_not_told() -> None:
    before = (Node("ADD", (0,), (1,)),)
    assert by_xnnpack(before, (*before, Node("DELEGATE", (7,), (8,)))) == Coverage()


def test_what_an_accelerator_took_before_is_not_xnnpacks() -> None:
    before = (
        Node("ADD", (0,), (1,)),
        Node("ABS", (1,), (2,)),
        Node("SOFTMAX", (2,), (3,)),
        Node("DELEGATE", (0,), (1,)),
    )
    after = (*before, Node("DELEGATE", (1,), (2,)))
    assert by_xnnpack(before, after) == Coverage(1, 3, 1, {"SOFTMAX": 1}, "xnnpack")
    assert accelerated(before, "npu") == Coverage(1, 3, 1, {"ABS": 1, "SOFTMAX": 1}, "npu")


def test_no_model_at_all(tmp_path: Path) -> None:
    artifact = read_artifact(ASSETS / "add.tflite")
    with pytest.raises(DamagedArtifact, match=r"add\.tflite: expected a \.tflite model"):
        open_backend(type(artifact)(artifact.path, "tflite", b"\0\0\0\0TFL3junk", None, None, 12))


def test_an_operator_newer_than_the_runtime() -> None:
    with pytest.raises(UnsupportedVersion, match=r"(litert|tflite-runtime) \d.*version '99'"):
        opened("too_new.tflite")


def test_an_unknown_custom_operator() -> None:
    with pytest.raises(UnsupportedVersion, match="Unheard"):
        opened("custom.tflite")


def test_a_model_compiled_for_the_edge_tpu_says_where_it_runs() -> None:
    with pytest.raises(DelegateMissing, match='delegate="edgetpu"'):
        opened("edgetpu.tflite", delegate="cpu")


def test_closed_twice_and_then_used() -> None:
    backend = opened("add.tflite")
    backend.close()
    backend.close()
    with pytest.raises(InputError, match="closed"):
        backend.run()
    with pytest.raises(InputError, match="closed"):
        backend.input_buffer(0)


def test_a_view_outlives_the_backend() -> None:
    backend = opened("add.tflite")
    backend.input_buffer(0)[...] = 4
    backend.run()
    view = backend.output_buffer(0)
    backend.close()
    del backend
    assert view[0] == 8


def test_threads_below_one_are_refused() -> None:
    with pytest.raises(InputError, match="threads: expected a whole number, 1 or more; found 0"):
        opened("add.tflite", threads=0)


def test_two_threads_give_the_same(tmp_path: Path) -> None:
    backend = opened("quadrant.tflite", threads=2)
    backend.input_buffer(0)[...] = 0
    backend.run()
    assert (backend.output_buffer(0) == -64).all()
