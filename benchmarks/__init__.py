"""Benchmarks and simulations; each writes the Markdown report that lies beside it."""
