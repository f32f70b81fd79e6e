"""Which approach wins, and in which words."""
