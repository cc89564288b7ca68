"""One source for several readers."""
