"""Discs, and models that find them exactly."""

from disc_chain import network

__all__ = ["network"]
