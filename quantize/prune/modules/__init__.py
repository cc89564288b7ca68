"""Structured pruning of torch modules.

checks.py        what cannot be pruned, found before anything is tried
trace.py         the module as torch exports it, walked operator by operator
atoms.py         what must be removed together: one atom for each channel, unit or head
rules/           what each operator ties together
families.py      the widths of a network: sets of channels, units or heads of which some may go
importance.py    how much each of them matters
plan.py          in which order they go
counting.py      multiply-accumulates, parameters, and bytes of the ONNX file
surgery.py       slices of parameters are taken out, and the attributes of layers follow
trial.py         a pruned copy computes what the original does with the removed parts disconnected
search.py        the least that is removed so that a target is met
pruning.py       `prune`: all of it, in steps
readings.py      numbers that the caller's functions give
sensitivity.py   each width alone, before anything is trained
"""
