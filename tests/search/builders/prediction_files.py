"""Files of a truth and two models' predictions, to be compared."""

import numpy as np
import pandas as pd

from search.analysis.verdict.rules import Rules
from search.verdict.compare import compare

QUICK = Rules(num_resamples=400, fixed_models=True)
NUM_PEOPLE, PHOTOS, CLASSES = 60, 4, 3


def write_files(folder):
    """Truth, a good model and a bad one, as CSV."""
    rng = np.random.default_rng(0)
    label = np.repeat(rng.integers(0, CLASSES, NUM_PEOPLE), PHOTOS)
    samples = [f"photo {number}" for number in range(len(label))]
    truth = pd.DataFrame(
        {"sample": samples, "group": np.repeat(np.arange(NUM_PEOPLE), PHOTOS), "label": label}
    )
    truth.to_csv(folder / "truth.csv", index=False)
    for name, accuracy in (("good", 0.95), ("bad", 0.6)):
        right = rng.random(len(label)) < accuracy
        guess = np.where(right, label, (label + 1) % CLASSES)
        frame = pd.DataFrame({"sample": samples})
        for number in range(CLASSES):
            frame[f"p{number}"] = np.where(guess == number, 0.8, 0.1)
        frame.sample(frac=1, random_state=1).to_csv(folder / f"{name}.csv", index=False)
    return folder


def judged(files, **predictions):
    chosen = predictions or {"A": files / "good.csv", "B": files / "bad.csv"}
    return compare(files / "truth.csv", chosen, files / "out", QUICK)


def edited(path, **changes):
    frame = pd.read_csv(path)
    for name, values in changes.items():
        frame[name] = values(frame)
    frame.to_csv(path, index=False)
