"""Speed and size as ratios, each taken in one run with both sides interleaved: `python -m benchmarks`."""
