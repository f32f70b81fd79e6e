"""What frozen features tell before anything is trained: backbones ranked, and a first answer."""
