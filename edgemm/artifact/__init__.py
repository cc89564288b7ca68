"""The artifact: one .tflite or .onnx file with its card and its goldens."""

from edgemm.artifact.file import (
    MAX_FILE_BYTES,
    Artifact,
    Format,
    read_artifact,
    read_payload,
    replace_card,
    write_artifact,
)

__all__ = [
    "MAX_FILE_BYTES", "Artifact", "Format", "read_artifact", "read_payload", "replace_card", "write_artifact",
]  # fmt: skip
