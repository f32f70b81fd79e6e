"""What the process of a command ends with; `search.ending.signals.INTERRUPTED` is the fourth."""

OK, SOME_FAILED, BAD_INPUT = 0, 1, 2
