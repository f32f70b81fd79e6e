"""`python -m docs.pictures` makes the pictures of the README.

    python -m docs.pictures report results/demo/report.html
    python -m docs.pictures terminal "COMMAND" --until TEXT

The first is the top of a page as chromium shows it. The second runs a command in a terminal of 100
columns (tmux) and takes what stands there once it shows the text; then the command is ended.
"""

import argparse
import re
import shlex
import subprocess
import tempfile
import time
from io import StringIO
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.text import Text

IMAGES = Path(__file__).with_name("images")
_COLUMNS, _LINES = 100, 34
_REPORT = (1160, 965)
_TERMINAL_WIDTH = 1000
_SESSION = "headrace-picture"
_CHROMIUM = (
    *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--hide-scrollbars", "--blink-settings=preferredColorScheme=1"),
)


def photograph(page: Path, picture: Path, size: tuple[int, int]) -> None:
    """Shows a page as a PNG of 256 colours."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.png"
        given = (
            f"--user-data-dir={folder}/user",
            f"--window-size={size[0]},{size[1]}",
            f"--screenshot={raw}",
        )
        command = [*_CHROMIUM, *given, page.resolve().as_uri()]
        subprocess.run(command, check=True, capture_output=True)
        with Image.open(raw) as image:
            small = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    picture.parent.mkdir(exist_ok=True)
    small.save(picture, optimize=True)


def terminal(command: str, until: str) -> str:
    """Returns what stands in a terminal, with its colours, once a command has shown a text."""
    tmux = ["tmux", "-L", _SESSION]
    size = ["-x", str(_COLUMNS), "-y", str(_LINES)]
    line = f"printf '$ %s\\n' {shlex.quote(command)}; {command}; sleep 3600"
    subprocess.run([*tmux, "new-session", "-d", *size, line], check=True)
    try:
        while until not in _captured(tmux):
            time.sleep(1)
        time.sleep(1)  # what it draws at once is whole
        return _captured(tmux)
    finally:
        subprocess.run([*tmux, "kill-server"], check=True)


def _captured(tmux: list[str]) -> str:
    command = [*tmux, "capture-pane", "-e", "-p"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.rstrip()


def drawn(shown: str) -> str:
    """Returns an SVG file of a terminal."""
    console = Console(record=True, width=_COLUMNS, file=StringIO())
    # What hangs below the last line is cut off.
    console.print(Text.from_ansi(f"{shown}\n"), soft_wrap=True)
    return console.export_svg(title="headrace")


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m docs.pictures", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    kinds.add_parser("report").add_argument("file", type=Path)
    shown = kinds.add_parser("terminal")
    shown.add_argument("command")
    shown.add_argument("--until", required=True, help="text that the terminal shows then")
    given = parser.parse_args()
    if given.kind == "report":
        photograph(given.file, IMAGES / "report.png", _REPORT)
        return
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "terminal.svg"
        page.write_text(drawn(terminal(given.command, given.until)), encoding="utf-8")
        # The picture of a terminal is as wide as it likes: the height follows.
        (box,) = re.findall(r'viewBox="0 0 (\S+) (\S+)"', page.read_text(encoding="utf-8"))[:1]
        height = round(_TERMINAL_WIDTH * float(box[1]) / float(box[0]))
        photograph(page, IMAGES / "terminal.png", (_TERMINAL_WIDTH, height))


if __name__ == "__main__":
    _main()
