"""Answers a folder of photos with the networks beside this file.

    python run_onnx.py PHOTOS > answers.csv

Needs numpy, Pillow and onnxruntime alone; headrace and its data may be gone.
"""

import csv
import io
import json
import re
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

try:
    import numpy as np
    import onnxruntime
    from numpy.typing import NDArray
    from PIL import Image, ImageOps
except ImportError as error:
    sys.exit(f"run_onnx.py: {error}; it needs: pip install numpy Pillow onnxruntime")

Photos = NDArray[np.uint8]
Floats = NDArray[np.float64]
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
FORMATS = ("JPEG", "PNG", "BMP", "WEBP")
BATCH = 32
LOST = re.compile("[\ud800-\udfff]")
"""Of names that are no Unicode, which no CSV could hold."""
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = tuple(TURNS[number] for number in (5, 6, 7, 8))
BROKEN = (
    *(OSError, ValueError, SyntaxError, EOFError, LookupError, struct.error, zlib.error),
    Image.DecompressionBombError,
)
FORMULAS = tuple("=+-@\t\r")


def orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    try:
        return int(image.getexif().get(0x0112, 1))
    except (OSError, ValueError, TypeError, SyntaxError, LookupError, EOFError, struct.error):
        return 1


def decode(path: Path, height: int, width: int) -> Photos:
    """Returns a photo upright, scaled to cover height x width and cropped: uint8 [H, W, 3]."""
    with Image.open(path, formats=FORMATS) as file:
        turn = TURNS.get(orientation(file))
        # A large JPEG may be decoded at a fraction, if that is no smaller than what is wanted.
        file.draft("RGB", (height, width) if turn in SIDEWAYS else (width, height))
        upright = file.copy() if turn is None else file.transpose(turn)
    if upright.mode.startswith("I;16"):
        eight = (np.asarray(upright).astype(np.uint32) + 128) // 257
        upright = Image.fromarray(eight.astype(np.uint8))
    if upright.mode == "P" and upright.has_transparency_data:
        upright = upright.convert("RGBA")
    fitted = ImageOps.fit(upright.convert("RGB"), (width, height), Image.Resampling.BICUBIC)
    return np.asarray(fitted, dtype=np.uint8)


def calibrated(probs: Floats, temperature: float) -> Floats:
    """Returns probabilities [n, K] of a head at its temperature."""
    logits = np.log(np.maximum(probs, 1e-12)) / temperature
    powers: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


class Ensemble:
    """The networks of a folder, as `ensemble.json` tells them; each is opened once."""

    def __init__(self, folder: Path) -> None:
        self.told = json.loads((folder / "ensemble.json").read_text(encoding="utf-8"))
        _, self.height, self.width, _ = self.told["input"]["shape"]
        files = {n["file"] for m in self.told["members"] for fold in m["folds"] for n in fold}
        self.sessions = {
            file: onnxruntime.InferenceSession(
                str(folder / file), providers=["CPUExecutionProvider"]
            )
            for file in sorted(files)
        }

    def __call__(self, photos: Photos) -> Floats:
        """Returns probabilities [n, C] of the joint classes of photos, uint8 [n, H, W, 3]."""
        found = {}
        for file, session in self.sessions.items():
            names = [output.name for output in session.get_outputs()]
            outputs = session.run(None, {self.told["input"]["name"]: photos})
            found[file] = dict(zip(names, outputs, strict=True))
        total = np.zeros((len(photos), len(self.told["classes"])))
        for member in self.told["members"]:
            for networks in member["folds"]:
                joint = self._joint(networks, found, len(photos))
                total += member["weight"] / len(member["folds"]) * joint
        return total

    def classes(self, probs: Floats) -> list[int]:
        """Returns the joint class of each photo."""
        scores = np.log(np.maximum(probs, 1e-12)) + np.array(self.told["biases"])
        return [int(code) for code in scores.argmax(axis=1)]

    def _joint(self, networks: list[Any], found: dict[str, Any], count: int) -> Floats:
        sizes = self.told["attributes"]
        joint = np.ones((count, *sizes.values()))
        for network in networks:
            heads = zip(network["heads"], network["temperatures"], network["decides"], strict=True)
            for head, temperature, names in heads:
                probs = calibrated(found[network["file"]][head].astype(np.float64), temperature)
                shape = [size if name in names else 1 for name, size in sizes.items()]
                joint = joint * probs.reshape(count, *shape)
        return joint.reshape(count, -1)


def harmless(text: str) -> str:
    """Returns a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in FORMULAS else text


def photos_in(folder: Path) -> list[Path]:
    """Returns the photos in a folder by name; hidden files, such as macOS adds, are none."""
    found = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    return sorted(path for path in found if path.name[0] != "." and path.is_file())


def main(folder: Path) -> int:
    """Writes a row per photo: its name, its class by number and in words, and probabilities.

    Nothing is written where a photo cannot be read.
    """
    paths = photos_in(folder)
    if not paths:
        sys.stderr.write(
            f"run_onnx.py: {folder} holds no photos ({', '.join(sorted(SUFFIXES))})\n"
        )
        return 2
    if strange := [ascii(path.name) for path in paths if LOST.search(path.name)]:
        sys.stderr.write(
            f"run_onnx.py: names of photos must be Unicode, got {strange[0]}; rename it\n"
        )
        return 2
    ensemble = Ensemble(Path(__file__).resolve().parent)
    names = ensemble.told["classes"]
    rows = []
    for start in range(0, len(paths), BATCH):
        batch, photos = paths[start : start + BATCH], []
        for path in batch:
            try:
                photos.append(decode(path, ensemble.height, ensemble.width))
            except BROKEN as error:
                sys.stderr.write(f"run_onnx.py: {path} cannot be read as a photo: {error}\n")
                return 2
        probs = ensemble(np.stack(photos))
        for path, code, row in zip(batch, ensemble.classes(probs), probs, strict=True):
            words = (harmless(path.name), code, harmless(names[code]))
            rows.append([*words, *(f"{value:.6g}" for value in row)])
    if isinstance(sys.stdout, io.TextIOWrapper):  # whatever the terminal's encoding is
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["ImageID", "ans", "class", *(f"p{number}" for number in range(len(names)))])
    writer.writerows(rows)
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.stderr.write("usage: python run_onnx.py FOLDER_OF_PHOTOS > answers.csv\n")
        sys.exit(2)
    sys.exit(main(Path(sys.argv[1])))
