"""How a command ends before its end: it is asked to, or the machine fails."""
