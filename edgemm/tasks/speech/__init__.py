"""What recognisers of speech share: where somebody speaks, where utterances begin and end, and when.

voice.py         whether a piece of sound has voice in it: by its level, or by a network
found.py         a network that tells voice from silence, over running sound
endpoint.py      utterances out of these: silence ends one, a long one is divided at its quietest place
heard.py         the sound of the last utterance, at the recogniser's rate, and when each sample was captured
agreement.py     what is told of speech that goes on: words that are agreed stay
joining.py       words of two utterances that share some sound, each once
part.py          what is asked of a network
"""
