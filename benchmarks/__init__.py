"""Benchmarks and simulations; each writes the Markdown report that lies beside it."""

from search import ray_settings

# Ray reads them when it is imported, by whichever benchmark needs it.
ray_settings.apply(one_machine=True)
