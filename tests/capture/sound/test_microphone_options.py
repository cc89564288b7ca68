"""Options of a microphone's name, refused before anything is opened."""

from __future__ import annotations

import pytest

from edgemm.capture import open_source
from edgemm.errors import InputError, MissingDependency
from edgemm.recorder.options import RecorderOptions
from edgemm.recorder.process import as_error
from edgemm.recorder.wire import Failed

pytestmark = pytest.mark.device


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("fps=3", "does not have the option 'fps': it has rate, channels"),
        ("rate=10", "rate=10.*expected a number from 1000 to 768000"),
        ("rate=16000.5", "expected a whole number"),
        ("dtype=int8", "dtype=int8.*expected int16 or float32"),
        ("gate=noise", "gate=noise.*expected voice"),
        ("reconnect=maybe", "reconnect=maybe.*expected 1 or 0"),
        ("channels=1&channel=1", "channel=1.*expected less than channels=1"),
        ("timeout_s=0", r"timeout_s=0.*from 0\.2 to 60"),
        ("ring_s=1000", r"ring_s=1000.*from 0\.05 to 60"),
        ("block_ms=0.1", "block_ms"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(options: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_source(f"microphone:?{options}")


def test_the_childs_options_are_the_parents() -> None:
    options = RecorderOptions("USB", 48000, 2, "float32", 10.0, 0.5)
    assert RecorderOptions.from_json(options.to_json()) == options
    assert (options.slots, options.block_frames(44100), options.frame_bytes) == (50, 441, 8)


def test_a_missing_library_names_the_command_that_installs_it() -> None:
    told = MissingDependency("PortAudio", command="sudo apt install libportaudio2")
    error = as_error(Failed("MissingDependency", str(told)))
    assert isinstance(error, MissingDependency)
    assert error.install_command == "sudo apt install libportaudio2"
    assert str(error) == str(told)
