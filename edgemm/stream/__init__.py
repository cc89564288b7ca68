"""From a source through a session to results, inside a budget, with an account of everything.

budget.py     how old a result may be        stream.py     one source, one session: an iterator of items
item.py       what comes out                 gate.py       frees once, never under a thread at work
session.py    the seam to a model            ahead.py      `async for`
reader.py     in line, or newest wins        runner.py     several streams, one thread budget
ledger.py     the account                    lane.py       one stream of a runner
clock.py, histogram.py   the time of stages, and percentiles in fixed memory
"""
