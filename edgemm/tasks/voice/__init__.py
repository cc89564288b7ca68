"""Speech made from text: words, phonemes, an acoustic network, sound."""
