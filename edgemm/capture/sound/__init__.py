"""Microphones: what `edgemm.recorder` records, as audio blocks.

microphone.py          from a name to the source       voice_gate.py   sound only while somebody speaks
microphone_source.py   blocks, gaps, reconnection      pcm.py          integers to -1..1
"""
