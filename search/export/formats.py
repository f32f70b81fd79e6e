"""What a run is exported to; loads nothing."""

TRACKERS = ("trackio", "mlflow", "wandb")
"""Programs that record experiments; each is a package of its own name."""
FORMATS = ("timm", "onnx", "portfolio", *TRACKERS)
