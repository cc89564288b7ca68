"""Models behind each other in one picture: what is found is looked at closer, and followed from frame to frame.

found.py    what a result has places for: boxes, points
crop.py     from a place to the part of the frame that the next model sees
track.py    from this frame's result to the next frame's part, and when the first model runs again
smooth.py   the One Euro filter
session.py  one stream through all of them
"""
