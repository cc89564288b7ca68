"""Tiny models with cards, loaded."""

from tiny_models import loud, loud_card, make, quadrant, quadrant_card, runtimes, total, total_card

__all__ = ["loud", "loud_card", "make", "quadrant", "quadrant_card", "runtimes", "total", "total_card"]
