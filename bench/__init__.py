"""Benchmarks of a checkout; none of this is installed."""
