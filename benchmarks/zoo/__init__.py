"""Architectures that people use, as `timm`, `transformers` and PyTorch have them, converted to both formats.

stand_ins.py   lets timm be imported without torchvision
pictures.py    networks of timm
sequences.py   networks of transformers
own.py         networks that neither has
export.py      writes them as ONNX files, by both exporters; runs where timm and transformers are installed
measure.py     converts each file and compares; runs where edgemm is installed
table.md       the figures of the last run

make zoo                                              builds the environment, exports, measures
python -m benchmarks.zoo.export --out DIR             the first half
python -m benchmarks.zoo.measure DIR [NAME ...]       the second half
"""
