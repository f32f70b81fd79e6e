"""Tests and benchmarks that send signals, where they were started to ignore them."""

import signal


def hear_signals() -> None:
    """Lets processes started from now on hear what this one ignores.

    Under `nohup` SIGHUP is ignored, and SIGINT in the background of a script: what a process
    ignores, those that it starts ignore, too, and a handler they do not inherit.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
