"""A folder of tiny photos of 24 people, and what a trial needs of it."""

from pathlib import Path

import numpy as np
from PIL import Image

from search.prepare.setting import SharedImages, TrialSetting
from trainables.data import layouts
from trainables.data.splits import make_split
from trainables.precision import Precisions

SIDE = 32
GENDERS = ("female", "male")
MASKS = ("normal", "wear")


def write_people(root: Path, *, num_people: int = 24, side: int = SIDE, seed: int = 0) -> Path:
    """Writes two photos a person, with and without mask, and a manifest of gender and mask."""
    rng = np.random.default_rng(seed)
    (root / "photos").mkdir(parents=True)
    lines = ["path,group,gender,mask"]
    for person in range(num_people):
        gender = person % 2
        for mask in range(2):
            pixels = rng.integers(0, 100, (side, side, 3), dtype=np.uint8)
            pixels[: side // 2] += np.uint8(120 * gender)
            pixels[side // 2 :, :, 2] += np.uint8(120 * mask)
            path = f"photos/{person:02}_{mask}.png"
            Image.fromarray(pixels).save(root / path)
            lines.append(f"{path},p{person:02},{GENDERS[gender]},{MASKS[mask]}")
    (root / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def trial_setting(data: Path, cache: Path, results: Path) -> TrialSetting:
    """Returns the setting of trials on such a folder, on one thread."""
    table = layouts.load(data, None)
    return TrialSetting(
        table=table,
        split=make_split(table, seed=0),
        stored_size=(SIDE, SIDE),
        cache_dir=cache,
        results_dir=results,
        weights_dir=None,
        device="cpu",
        num_threads=1,
        device_share=1.0,
    )


def shared_images(data: Path, cache: Path, results: Path) -> SharedImages:
    """Returns the images of such a folder for trials whose files go to `results`.

    Nothing is measured: every test has the same precision on every CPU.
    """
    images = SharedImages(trial_setting(data, cache, results))
    images.precisions = Precisions(folder=cache / "precision", cpuinfo=Path("/no/such/file"))
    return images
