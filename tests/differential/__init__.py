"""The differential test: seeded graphs converted in every way, each written file held against its source.

points      which (graph, exporter, format, scheme, mode) to try: the whole product, or a seeded part of it
graphs/     the families of graphs, most built in ONNX directly, some exported from torch by both exporters
source      the truth: what onnxruntime (or torch) computes from the source
runtimes    the written file, opened without edgemm
peer        the same graph quantized by onnxruntime's own `quantize_static`
judge       right, or what is wrong
worker      one point: convert, open, judge; in a process of its own, which may die
pool        the workers, restarted when they do
report      counts, tables, JSON

python -m tests.differential --points 500 --seed 0 --jobs 2
python -m tests.differential --only 'resize.*' --all
"""
