"""A machine with cameras and sound cards of the kernel's own making, for tests of real drivers.

`scripts/devices` runs tests in it. The kernel is Debian's, unpacked and not installed; the files are those of this
machine, read only, so that Python, the virtual environment and the tree are just there. `vivid` is a camera with a test
picture, `snd-aloop` a sound card that hears what it plays, `snd-dummy` one that hears silence.
"""
