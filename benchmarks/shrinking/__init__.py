"""Smaller and still right: networks are trained, pruned to a fraction of their MACs, trained again, and measured.

    python -m benchmarks shrinking --row resnet8_half --seed 0

Each row is a command of its own and resumes where it was interrupted: checkpoints, and a line for each finished row in
`rows.jsonl`, are in the folder given by --out. A row has the accuracies of the whole and the pruned network on held-out
data, what is left of its MACs, and its latency as a fraction of the whole network's, in both runtimes, float and int8.

figures.jsonl lines of `rows.jsonl` that were measured, row by row
data.py       real pictures, words, and digits read line by line
networks.py   ResNet8, the digits CNN, a keyword network, LSTM, GRU, Transformer, a generator and its discriminator
fit.py        training
frechet.py    how good a generator is
foreign.py    the same with torch-pruning
latency.py    float and int8 files, timed in turns
rows.py       what is measured
"""
