"""Any GStreamer pipeline that ends in pictures, through the system's GStreamer and PyGObject.

    gst:v4l2src device=/dev/video0 ! image/jpeg,framerate=30/1 ! jpegdec
    gst:libcamerasrc ! video/x-raw,width=1280,height=720
    gst:rtspsrc location=rtsp://camera/1 latency=50 ! decodebin

What a pipeline lacks at its end is put there: conversion to B, G, R and a sink that keeps the newest picture. A
pipeline with an `appsink` of its own is taken as it is, but for the sink's caps where it has none.

GStreamer's system clock is CLOCK_MONOTONIC: a buffer was captured at the pipeline's base time plus its running time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from edgemm.capture.live.grabber import NOTHING_YET, Lost, Shot
from edgemm.capture.live.live_frames import LiveFrames
from edgemm.capture.live.stamps import Stamps
from edgemm.capture.live.timeouts import timeouts_of
from edgemm.capture.uri import SourceUri, without_secrets
from edgemm.errors import InputError, MissingDependency, SourceLost, UnknownSource
from edgemm.media import Color

INSTALL = (
    "sudo apt install python3-gi gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-good "
    "(PyGObject is to match the system's GStreamer; a virtual environment sees it where it was made by: "
    "python3 -m venv --system-site-packages)"
)
_CAPS = "video/x-raw,format=BGR"
_SINK = "appsink name=edgemm drop=true max-buffers=1"
_OPEN_NS = 10_000_000_000
_PULL_NS = 200_000_000


class PipelineGrabber:
    """One run of a pipeline."""

    color: Color = "bgr"

    def __init__(self, uri: str, description: str, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._uri = uri
        self._description = description
        self._now_ns = now_ns
        self._stamps = Stamps(uri, 0)
        self._pipeline: Any = None
        self._sink: Any = None
        self._arrived = self._handed_over = 0

    def open(self) -> str:
        """Builds the pipeline and sets it playing on the system's clock."""
        gst = gstreamer()
        from gi.repository import GLib

        try:
            self._pipeline = gst.parse_launch(completed(self._description))
        except GLib.Error as error:
            raise UnknownSource(f"{self._uri}: {self._readable(error)}") from None
        self._sink = self._find_sink(gst)
        self._pipeline.use_clock(gst.SystemClock.obtain())
        self._stamps = Stamps(self._uri, self._now_ns())
        change = self._pipeline.set_state(gst.State.PAUSED)
        if change == gst.StateChangeReturn.NO_PREROLL:
            self._sink.set_property("sync", False)  # live: to wait for the due time is to add delay
        self._pipeline.set_state(gst.State.PLAYING)
        if self._pipeline.get_state(_OPEN_NS)[0] == gst.StateChangeReturn.FAILURE:
            self._raise_trouble("does not start")
        return "playing"

    def grab(self) -> Shot | Lost | None:
        """The next picture; nothing yet when none comes for a moment.

        Raises:
            SourceLost: an error of an element, or the end of the stream.
        """
        arrived, begun_ns = self._arrived, self._now_ns()
        sample = self._sink.emit("try-pull-sample", _PULL_NS)
        if sample is None:
            self._raise_trouble("has ended" if self._sink.get_property("eos") else "")
            return NOTHING_YET if self._now_ns() - begun_ns > _PULL_NS // 2 else None
        self._handed_over += 1
        missed = max(0, arrived - self._handed_over)
        self._handed_over += missed
        return Shot(_pixels(sample), self._captured_ns(sample), missed, "overrun")

    def close(self) -> None:
        """Stops the pipeline and frees its devices."""
        if self._pipeline is not None:
            self._pipeline.set_state(gstreamer().State.NULL)

    def _find_sink(self, gst: Any) -> Any:
        """The appsink, which counts what comes to it; it does not tell what it drops."""
        sinks = self._pipeline.iterate_all_by_element_factory_name("appsink")
        found, sink = sinks.next()
        if found != gst.IteratorResult.OK:
            raise InputError(f"{self._uri}: has no appsink that could be read")
        if sink.get_property("caps") is None:
            sink.set_property("caps", gst.Caps.from_string(_CAPS))
        sink.get_static_pad("sink").add_probe(gst.PadProbeType.BUFFER, self._count)
        return sink

    def _count(self, _pad: Any, _info: Any) -> Any:
        self._arrived += 1
        return gstreamer().PadProbeReturn.OK

    def _captured_ns(self, sample: Any) -> int:
        gst, now_ns = gstreamer(), self._now_ns()
        stamp_ns = sample.get_buffer().pts
        if stamp_ns == gst.CLOCK_TIME_NONE:
            return self._stamps.captured_ns(None, now_ns)
        running_ns = sample.get_segment().to_running_time(gst.Format.TIME, stamp_ns)
        return self._stamps.captured_ns(self._pipeline.get_base_time() + running_ns, now_ns)

    def _raise_trouble(self, otherwise: str) -> None:
        """Raises what the bus tells, or else `otherwise`, if that is something."""
        gst = gstreamer()
        message = self._pipeline.get_bus().pop_filtered(gst.MessageType.ERROR)
        if message is not None:
            error, _ = message.parse_error()
            raise SourceLost(f"{self._uri}: {message.src.get_name()}: {self._readable(error)}")
        if otherwise:
            raise SourceLost(f"{self._uri}: the pipeline {otherwise}")

    def _readable(self, error: Any) -> str:
        return without_secrets(str(getattr(error, "message", error)))


def completed(description: str) -> str:
    """The pipeline with what it lacks at its end."""
    if re.search(r"(^|!)\s*appsink\b", description):
        return description
    convert = (
        "" if re.search(r"format\s*=\s*(\(string\)\s*)?BGR\b", description) else f"videoconvert ! {_CAPS} ! "
    )
    return f"{description} ! {convert}{_SINK}"


def open_pipeline(named: SourceUri) -> LiveFrames:
    """Opens a pipeline.

    Raises:
        UnknownSource: there is no such element, or its description is not understood.
        SourceLost: it does not start.
        MissingDependency: PyGObject or GStreamer is not installed.
    """
    if not named.path.strip():
        raise InputError(f"{named.text!r}: expected a pipeline, such as gst:v4l2src device=/dev/video0")
    gstreamer()
    return LiveFrames(named.text, lambda: PipelineGrabber(named.text, named.path), timeouts_of(named))


@lru_cache(maxsize=1)
def gstreamer() -> Any:
    """The `Gst` module, initialized.

    Raises:
        MissingDependency: PyGObject, GStreamer or its description for PyGObject is not installed.
    """
    try:
        import gi

        gi.require_version("Gst", "1.0")
        gi.require_version("GstApp", "1.0")
        from gi.repository import Gst, GstApp  # noqa: F401 - GstApp gives appsink its methods
    except (ImportError, ValueError) as error:
        raise MissingDependency(f"PyGObject with GStreamer ({error})", command=INSTALL) from error
    if not Gst.is_initialized():
        Gst.init(None)
    return Gst


def _pixels(sample: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """uint8[height, width, 3], or [height, width] of a grey picture; a copy."""
    gst = gstreamer()
    caps = sample.get_caps().get_structure(0)
    width, height = caps.get_value("width"), caps.get_value("height")
    shape = (height, width) if caps.get_value("format") == "GRAY8" else (height, width, 3)
    buffer = sample.get_buffer()
    mapped, memory = buffer.map(gst.MapFlags.READ)
    if not mapped:
        raise SourceLost("GStreamer does not let its buffer be read")
    try:
        row_bytes = len(memory.data) // height  # rows are padded to four bytes
        strides = (row_bytes, 1) if len(shape) == 2 else (row_bytes, 3, 1)
        return np.ndarray(shape, np.uint8, memory.data, strides=strides).copy()
    finally:
        buffer.unmap(memory)
