"""From a source through a session to results, inside a budget, with an account of everything.

budget.py     how old a result may be        stream.py     one source, one session: an iterator of items
item.py       what comes out                 work.py       what is between capture and delivery
session.py    the seam to a model            gate.py       frees once, never under a thread at work
reader.py     in line, or newest wins        ahead.py      `async for`
ledger.py     the account                    runner.py     several streams, one thread budget
histogram.py  percentiles in fixed memory    lane.py       one stream of a runner
clock.py      the time of each stage
"""
