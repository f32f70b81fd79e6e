"""The ensemble at work: loading it, photos in, answers out."""
