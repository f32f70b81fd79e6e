"""Functions of finished records and arrays: no Ray, no torch, no disk."""
