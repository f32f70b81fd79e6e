"""The ensemble of a finished refit as a stage, and its folder."""
