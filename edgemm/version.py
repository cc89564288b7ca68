"""The version of edgemm, in a module without imports: what asks for it loads nothing else."""

__version__ = "0.1.0"
"""The same as in pyproject.toml."""
