"""What data are spoiled with, at five strengths, to see how much a model bears: the same seed always gives the same.

pictures.py   noise, blur, brightness, compression, rotation
sound.py      noise, reverberation, speed, gain
texts.py      misspellings, dropped words
truths.py     what is right about a picture that is turned

    kinds("image", "detection")                        -> the kinds, and why one is left out
    spoil("image", "noise", 3, pixels, seed=[0, 17])   -> uint8, as the picture itself
"""

from edgemm.judge.corruptions.kinds import KINDS, STRENGTHS, Kinds, kinds, spoil

__all__ = ["KINDS", "STRENGTHS", "Kinds", "kinds", "spoil"]
