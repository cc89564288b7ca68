"""From a source through a session to results, inside a budget, with an account of everything.

budget.py     how old a result may be        stream.py     one source, one session: an iterator of items
item.py       what comes out                 work.py       what is between capture and delivery
session.py    the seam to a model            deadline.py   what is too late, or not worth beginning
reader.py     in line, or newest wins        forecast.py   how long work will take, judged by the last times
ledger.py     the account                    ahead.py      `async for`
histogram.py  percentiles in fixed memory    runner.py     several streams, one thread budget
clock.py      the time of each stage         lane.py       one stream of a runner
                                             switch.py     how often Python's threads take turns
"""
