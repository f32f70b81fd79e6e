"""What is fitted to predictions on one part of the people and applied to another."""
