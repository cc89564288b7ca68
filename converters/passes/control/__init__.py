"""Control flow, sequences and optional values, resolved while converting: a file for a device has none of them."""

from edgemm.converters.passes.control.branches import take_branches
from edgemm.converters.passes.control.cells import scans_to_cells
from edgemm.converters.passes.control.layouts import put_time_first
from edgemm.converters.passes.control.loops import unroll_loops
from edgemm.converters.passes.control.maps import unroll_maps
from edgemm.converters.passes.control.refusals import refuse_control
from edgemm.converters.passes.control.scans import unroll_scans
from edgemm.converters.passes.control.sequences import resolve_sequences

__all__ = [
    "put_time_first",
    "refuse_control",
    "resolve_sequences",
    "scans_to_cells",
    "take_branches",
    "unroll_loops",
    "unroll_maps",
    "unroll_scans",
]
