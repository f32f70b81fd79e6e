"""The files of a run, each written whole or not at all, and what stands in them."""
