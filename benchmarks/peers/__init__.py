"""Fourteen architectures against litert-torch, ai-edge-quantizer and ONNX Runtime's quantizer: `make peers-bench`.

networks.py     the architectures, with seeded weights, and their inputs
export.py       runs in the peers' environment: the source and all that the peers make of it
measure.py      runs here: our files, the times of all files in turns, fidelity, cost of converting
table.py        the table, and the limits
"""
