"""Whether the classes of new photos are distributed as in training, and what follows."""
