"""What operators cost: tables of times, read, written and measured on a device.

table = CostTable.read("pi5.json")      measured by `edgemm bench --costs -o pi5.json`
table = table_for("vnni")               one that comes with edgemm
"""

from edgemm.costs.point import Point, Work
from edgemm.costs.table import BUILT_IN, SCHEMA, CostTable, table_for

__all__ = ["BUILT_IN", "SCHEMA", "CostTable", "Point", "Work", "table_for"]
