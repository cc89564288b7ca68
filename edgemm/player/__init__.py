"""A loudspeaker in a process of its own: the mirror of `edgemm.recorder`, whose devices, messages and child it shares.

options.py       what to play on             ring.py        between the pipe and PortAudio's callback
portaudio.py     the stream                  wire.py        messages in both pipes
child.py         the child's program         process.py     the child, seen from outside
playlist.py      sounds that wait, play and were played, each sample in one of three accounts

A driver or a sound server that hangs takes every later call into PortAudio with it. A child can be killed, and sound
goes on while the application holds the interpreter's lock: half a second of it is in the child.

The child imports nothing but the standard library, sounddevice, this folder without `playlist`, and the recorder's.
"""
