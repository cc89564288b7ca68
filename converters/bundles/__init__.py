"""Bundles: several models that call each other, each converted on its own, and all judged together.

    from edgemm.converters import convert_bundle
    done = convert_bundle("translator/", output="translator.zip", calibrate="sentences.tsv")
    done.parts["decoder"].conversion.fidelity, done.together.sentences

options.py      what was asked for
buckets.py      the lengths that were asked for
items.py        texts and recordings that the whole bundle is run on, and what is right for them
recorded.py     what each part is fed with while it runs
kept.py         parts that stay as they are, and why
lengths.py      sizes for what files leave open
fed.py          what the parts are fed with, in each length
parts.py        each part converted, its lengths put together
assembled.py    the new bundle: put together, opened, written
together.py     the converted bundle against its source: the scores of the same steps, and the results
measured.py     a bundle by the metric of its task
result.py       what became of it
conversion.py   the steps: `convert_bundle`
"""
