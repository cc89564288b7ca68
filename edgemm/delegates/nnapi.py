"""Android's NNAPI: named so that asking for it gets an answer."""

from __future__ import annotations

from edgemm.delegates.delegate import Delegate

NNAPI = Delegate(
    name="nnapi",
    summary="Android Neural Networks API",
    advice=(
        "NNAPI is deprecated since Android 15 and no Python runtime has a route to it. On Android use the "
        'CPU (delegate="cpu"), or the vendor\'s own TFLite library: delegate="external:/path/lib.so"'
    ),
)
