"""English as it is spoken: numbers, times, dates, money, units, abbreviations and symbols as words."""

from edgemm.tasks.voice.english.language import BRITISH, ENGLISH

__all__ = ["BRITISH", "ENGLISH"]
