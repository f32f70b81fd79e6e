"""Which members an ensemble takes, by how much, and what that gains."""
