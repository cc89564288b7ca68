"""Microphones: what `edgemm.recorder` records, as audio blocks.

microphone.py          from a name to the source       voice_gate.py   sound only while somebody speaks
microphone_source.py   blocks, gaps, reconnection      held_back.py    what is held back on purpose, counted
pcm.py                 integers to -1..1
beside_speaker.py      held back while a speaker plays; who interrupts it
"""
