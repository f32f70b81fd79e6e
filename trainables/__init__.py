"""From a config to probabilities: torch and timm, no Ray, no Optuna."""
