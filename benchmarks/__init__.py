"""Speed against peers, as ratios in one run: `python -m benchmarks --help`. `harness` says how to add a comparison."""
