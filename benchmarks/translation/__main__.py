"""`python -m benchmarks.translation --folder out/translation`: trains English to German and measures it.

Needs data/multi30k in the folder that EDGEMM_SHARED names, and PyTorch. The training takes forty minutes on two cores
at most and goes on where it was stopped; measuring takes ten more.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks import shared

ROOT = Path(__file__).resolve().parents[2]
LEAST_BLEU, MOST_LOST, MOST_MS = 22.0, 0.5, 30.0


def main() -> int:
    """Exit 1 when a limit is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "out" / "translation", help="for all that is made"
    )
    parser.add_argument("--sentences", type=int, default=1000, help="of the test set (default 1000: all)")
    parser.add_argument("--threads", type=int, default=2, help="of the training")
    options = parser.parse_args()
    root = shared.find("data/multi30k")
    if root is None:
        return 0
    sys.path.insert(0, str(ROOT / "examples" / "train"))
    from benchmarks.translation import measuring
    from benchmarks.translation.sentences import pairs
    from benchmarks.translation.training import tokenizer, trained

    data, folder = root / "data" / "multi30k", options.folder
    network = trained(folder, data, threads=options.threads)
    tokens = tokenizer(folder, data)
    known = pairs(data, "test_2016_flickr")
    english, german = known.english[: options.sentences], known.german[: options.sentences]
    bundles = measuring.make_bundles(network, folder, data, tokens)
    whole = measuring.without_cache(network, tokens, english[: measuring.COMPARED])
    missed, in_float = [], 0.0
    for form, bundle in bundles.items():
        found, step_ms = measuring.translated(bundle, tokens, english)
        greedy, _ = measuring.translated(bundle, tokens, english[: measuring.COMPARED], beams=1)
        score = measuring.bleu(found, german)
        in_float = in_float or score
        row = {
            "name": f"translation {form}", "bleu": round(score, 2), "step_ms": round(step_ms, 2),
            "differs_without_cache": measuring.differing(greedy, whole), "sentences": len(english),
            "size_kb": bundle.stat().st_size // 1000, "example": found[0],
        }  # fmt: skip
        row["ok"] = score >= LEAST_BLEU and in_float - score <= MOST_LOST and step_ms <= MOST_MS
        if form.startswith("float"):
            row["ok"] = bool(row["ok"]) and row["differs_without_cache"] == 0
        print(json.dumps(row, ensure_ascii=False), flush=True)
        missed += [] if row["ok"] else [form]
    if missed:
        print(f"missed: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
