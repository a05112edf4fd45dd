"""What it costs, as ratios measured in one run: see bench/README.md."""
