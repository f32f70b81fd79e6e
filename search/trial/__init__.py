"""One trial from its config to its epochs, without Ray."""
