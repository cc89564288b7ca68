"""Structured pruning: channels, units, heads and ranks are removed, so that what is left is smaller and faster."""
