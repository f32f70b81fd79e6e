"""Why: what predictions, controlled trainings and the search say about a difference."""
