"""Judges models of one task side by side and names the best one that fits: what `edgemm judge` does, from Python.

python examples/judge_models.py digits.tflite digits.onnx --data pictures/ --choose "accuracy>=0.95, size_kb<=500"
"""

from __future__ import annotations

import argparse

from edgemm.judge.choose import choose, constraints, plain_name
from edgemm.judge.judgement import Judging, Plan, figure_names, judge


def main() -> None:
    """Judges, and prints a line for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="+", help=".tflite or .onnx files of one task")
    parser.add_argument(
        "--data", required=True, help="data that say what is right, such as a folder for each class"
    )
    parser.add_argument("--choose", default="accuracy>=0", help="constraints, with commas between")
    parser.add_argument(
        "--spoilt", type=int, default=50, help="samples that are spoiled with each corruption"
    )
    options = parser.parse_args()
    models = [Judging(each) for each in options.models]
    bounds = constraints(options.choose, figure_names(models[0]))
    content = judge(models, Plan(options.data, spoilt=options.spoilt, maps=0))
    of_task = content["metric"]
    for told in content["models"]:
        accuracy, corruptions = told["accuracy"], told["generalization"]["corruptions"]
        worst = min(corruptions, key=lambda kind: corruptions[kind][-1]) if corruptions else "none"
        low, high = accuracy["interval"] or (float("nan"), float("nan"))
        print(
            f"{told['file']}: {of_task['name']} {accuracy['value']:.3f} ({low:.3f} to {high:.3f}), "
            f"{told['compute']['p50_ms']:.3f} ms, {told['figures']['size_kb']:.0f} kB, worst with {worst}"
        )
    figures = [each["figures"] for each in content["models"]]
    own, higher = plain_name(of_task["name"]), of_task["higher_is_better"]
    choice = choose(figures, bounds, figure=own, higher_is_better=higher)
    print(f"best: {options.models[choice.best]}" if choice.best is not None else "; ".join(choice.missed))


if __name__ == "__main__":
    main()
