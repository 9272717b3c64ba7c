"""Measurements as ratios and counts of one run; see docs/benchmarks.md."""
