"""What other tools read: argument files of timm, ONNX networks."""
