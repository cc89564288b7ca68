"""What a plan will take on a machine, out of a table of costs, before anything is written."""

from edgemm.quantize.costs.cost import Cost
from edgemm.quantize.costs.outline import Outline, outline
from edgemm.quantize.costs.predict import change_us, lone_pool_us, partition_us, predict

__all__ = ["Cost", "Outline", "change_us", "lone_pool_us", "outline", "partition_us", "predict"]
