"""The finalists trained again on person-disjoint folds, and what that leaves on disk."""
