"""Accelerators: what can be named, what is here, and the order in which they are tried.

"edgetpu"             required: an error when it cannot be had, or takes no operator
("edgetpu", "cpu")    an order of fallback; what happened is logged and in `backend.delegates`
"auto"                a fixed order of what is present; "cpu" last
"external:/path/lib.so?key=value"    any TFLite external delegate
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgemm.delegates.delegate import Delegate, Format
from edgemm.delegates.table import AUTO, candidates, find_delegate
from edgemm.lazy_names import lazy_names

if TYPE_CHECKING:
    from edgemm.delegates.delegate_probe import DelegateStatus as DelegateStatus
    from edgemm.delegates.delegate_probe import probe_delegate as probe_delegate
    from edgemm.delegates.table import DELEGATES as DELEGATES

__getattr__, __dir__ = lazy_names(
    __name__, {"DELEGATES": "table", "DelegateStatus": "delegate_probe", "probe_delegate": "delegate_probe"}
)

__all__ = [
    "AUTO",
    "DELEGATES",
    "Delegate",
    "DelegateStatus",
    "Format",
    "candidates",
    "find_delegate",
    "probe_delegate",
]
