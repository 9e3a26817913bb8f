"""Benchmarks: the product beside the floor of the same hops with empty handlers, in one run on one machine."""
