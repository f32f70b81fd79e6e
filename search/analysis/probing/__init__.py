"""Linear probes of frozen features: what a straight cut through them tells of the labels."""
