"""A microphone in a process of its own: what PortAudio hears, block by block, through a pipe.

options.py       what to record              ring.py           between PortAudio's callback and the pipe
devices.py       the microphones, by name    sample_clock.py   when it was, and what is missing
portaudio.py     the stream                  wire.py           messages in the pipe
child.py         the child's program         process.py        the child, seen from outside

A driver or a sound server that hangs takes every later call into PortAudio with it, and the interpreter's
exit too: stopping, opening a second stream and `Pa_Terminate` all wait for it. A child can be killed. It also
goes on recording while the application holds the interpreter's lock, and the application's own streams live
on when the list of devices is read anew, which only starting PortAudio again does.

The child imports nothing but the standard library, sounddevice and this folder.
"""
