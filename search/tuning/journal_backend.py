"""The journal file with one write to the disk for all that belongs together.

Optuna brings every line to the disk by itself, some thirty of them for a new trial, while a device
waits for it.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import get_lock_file


class BatchedFileBackend(JournalFileBackend):
    """Optuna's journal file; lines of a block are on the disk when the block ends.

    Each line is written when Optuna appends it, in its order, so that another process reads it at
    once. After a power failure within a block the file ends with some first lines of it.
    """

    _depth = 0
    _is_unsynced = False

    @contextmanager
    def together(self) -> Iterator[None]:
        """Brings what is appended in the block to the disk at its end, whatever ends it.

        Raises:
            OSError: the disk refuses it.
        """
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if not self._depth and self._is_unsynced:
                self._is_unsynced = False
                with open(self._file_path, "rb") as file:  # noqa: PTH123  as Optuna names it
                    os.fsync(file.fileno())

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Appends operations, on the disk now or at the end of the block."""
        if not self._depth:
            super().append_logs(logs)
            return
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        with get_lock_file(self._lock), open(self._file_path, "ab") as file:  # noqa: PTH123
            self._is_unsynced = True
            file.write(lines.encode("utf-8"))
