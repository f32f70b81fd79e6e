"""Two searches of one space that differ in nothing but their seed, refitted and judged."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from search.analysis.approaches.approach import Approach
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.verdict.judging import judge
from search.analysis.verdict.outcomes import (
    PairVerdict,
)
from search.prepare.setting import SharedImages
from search.refit.units import Folds
from tests.search.builders.one_model import build_one
from tests.search.builders.planted_pictures import conditional_world, write_world
from tests.search.builders.planted_runs import write_spaces
from tests.search.builders.searched_refit import (
    Search,
    SearchSize,
    open_images,
    people_of_table,
    person_folds,
    search_and_refit,
)

_SIDE, _BATCH = 32, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Size(SearchSize):
    """How much each repeat does.

    Attributes:
        people_a_class: of eight classes, four photos each.
    """

    people_a_class: int = 10
    trials: int = 3
    epochs: int = 3
    configs: int = 1
    folds: int = 3
    seeds: int = 3


def one_repeat(size: Size, folder: Path, number: int) -> PairVerdict:
    """Draws pictures, searches and refits twice, and judges the first against the second.

    Args:
        size: how much.
        folder: gets pictures, results and cache.
        number: of the repeat; everything is drawn from it.

    Raises:
        RuntimeError: a search fails.
    """
    world = conditional_world(people_a_class=size.people_a_class, photos=4)
    data = folder / "data" / str(number)
    if not data.is_dir():
        write_world(world, data, np.random.default_rng([number, 1]))
    images = open_images(data, folder, _SIDE)
    folds, cross_fit = person_folds(images, size.folds, number)
    space, _ = write_spaces(folder, _BATCH)
    approaches = []
    for i, name in enumerate(("first", "second")):
        seed = 2 * number + i
        search = Search(run=f"aa{seed}", seed=seed, space=space, size=size, folder=folder)
        approaches.append(_approach(name, search, images, folds, cross_fit))
    setting = images.setting
    chose = np.zeros(setting.table.num_samples, dtype=bool)
    chose[setting.split.search_val] = True
    people = replace(people_of_table(setting.table), fold=folds.of_sample)
    return judge(approaches, people, chose=chose).pairs[0]


def _approach(
    name: str, search: Search, images: SharedImages, folds: Folds, cross_fit: CrossFit
) -> Approach:
    """Returns the out-of-fold predictions of one joint search and its refit."""
    refitted = search_and_refit(search, images, folds)
    people = people_of_table(images.setting.table)
    built = build_one(name, refitted.candidates, people, cross_fit)
    return built.approach(cross_fit, seed=search.seed)
