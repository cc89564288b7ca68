"""From the numbers of an output to pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from edgemm.errors import ArtifactError

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgemm.tasks.outputs import Outputs
    from edgemm.tasks.picture.form import Form
    from edgemm.tasks.picture.recipe import PictureRecipe

Pixels: TypeAlias = "npt.NDArray[np.uint8]"


class PixelReader:
    """Writes the picture of an output: through a table of 256 entries where it has bytes, else computed.

    Keeps memory of one output's size. For one thread at a time.
    """

    def __init__(self, form: Form, recipe: PictureRecipe) -> None:
        self._form = form
        count = form.channels
        self._scale, self._offset = (
            np.broadcast_to(np.asarray(each, np.float32), (count,)) for each in (recipe.scale, recipe.offset)
        )
        self._places = range(count)[::-1] if recipe.color == "bgr" else range(count)
        self._tables = self._made_tables() if form.spec.dtype in ("int8", "uint8") else None
        self._room: npt.NDArray[Any] | None = None

    def size_wh(self, outputs: Outputs) -> tuple[int, int]:
        """Of the picture in these outputs.

        Raises:
            ArtifactError: the model gave another shape than its file says.
        """
        height, width = self._planes(outputs.stored(self._form.spec.name))[0].shape
        return width, height

    def read(self, outputs: Outputs, out: Pixels) -> None:
        """Writes the picture.

        Args:
            outputs: of one run.
            out: uint8[height, width, 3], which becomes RGB; or uint8[height, width].

        Raises:
            ArtifactError: the model gave another shape than its file says, or NaN or infinity.
        """
        name = self._form.spec.name
        stored = outputs.stored(name) if self._tables is not None else outputs.real(name)
        for channel, plane in enumerate(self._planes(stored)):
            target = out if out.ndim == 2 else out[:, :, self._places[channel]]
            if self._tables is None:
                self._compute(plane, channel, target)
            else:
                self._look_up(plane.view(np.uint8), self._tables[channel], target)

    def _planes(self, array: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """[height, width] of each channel."""
        form, shape = self._form, array.shape
        rank = 2 if form.channel_axis is None else 3
        if not form.spec.takes(shape) or 0 in shape or any(size != 1 for size in shape[: len(shape) - rank]):
            raise ArtifactError(
                f"output {form.spec.name!r}: expected a picture {list(form.spec.shape)}, found {list(shape)}"
            )
        if form.channel_axis is None:
            return [array.reshape(shape[-2:])]
        whole = array.reshape(shape[-3:])
        axis = form.channel_axis - (len(shape) - 3)
        return [whole[channel] if axis == 0 else whole[:, :, channel] for channel in range(form.channels)]

    def _made_tables(self) -> list[Pixels]:
        """Of each channel: the byte that is stored, read as uint8 -> the pixel."""
        spec = self._form.spec
        real = spec.dequantize(np.arange(256, dtype=np.uint8).view(spec.dtype)).astype(np.float32)
        levels = real[:, None] * self._scale + self._offset
        return list(np.ascontiguousarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8).T))

    def _look_up(self, plane: Pixels, table: Pixels, target: Pixels) -> None:
        room = self._memory(plane.shape, np.uint8)
        np.copyto(room, plane)
        from edgemm.opencv import opencv

        opencv().LUT(room, table, dst=room)
        np.copyto(target, room)

    def _compute(self, plane: npt.NDArray[Any], channel: int, target: Pixels) -> None:
        room = self._memory(plane.shape, np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is told below
            np.multiply(plane, self._scale[channel], out=room, casting="unsafe")
            np.add(room, self._offset[channel], out=room)
            low, high = room.min(), room.max()
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ArtifactError(
                f"output {self._form.spec.name!r}: expected finite numbers for a picture, found NaN or infinity"
            )
        np.rint(room, out=room)
        np.clip(room, 0, 255, out=room)
        np.copyto(target, room, casting="unsafe")

    def _memory(self, shape: tuple[int, ...], dtype: Any) -> npt.NDArray[Any]:
        room = self._room
        if room is None or room.shape != shape:
            room = self._room = np.empty(shape, dtype)
        return room
