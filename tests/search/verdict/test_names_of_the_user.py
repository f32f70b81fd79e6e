"""A verdict is the same whatever attributes are called."""

import numpy as np
import pytest

from search.analysis.verdict.rules import Rules
from search.refit.approaches import Lineup, blocks_of_all
from search.refit.files import RefitFiles, RefitNote
from search.refit.plan import Shape
from search.refit.refitted import Refitted
from search.refit.truth import write_truth
from search.refit.unit_file import TrainedUnit
from search.refit.units import Folds, Unit, config_name
from search.store.run_store import RunStore
from search.verdict.conclusion import conclude
from spaces import load_block
from tests.trainables.data.folders import write_manifest
from trainables.data.layouts import manifest
from trainables.data.sample_table import SampleTable
from trainables.data.splits import Split

PEOPLE, SEEDS = 60, 2
FOLDS = Folds(of_sample=np.arange(PEOPLE) % 3, num_folds=3)
CLASSES = (("no", "yes"), ("blue", "green", "red"))


def table_of(root, names) -> SampleTable:
    """Returns the manifest of sixty people with a photo each."""
    head = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    rows = [f"{n}.png,p{n:02},{CLASSES[0][n % 2]},{CLASSES[1][n // 2 % 3]}" for n in range(PEOPLE)]
    return manifest.read(write_manifest(root, [f"path,group,{head}", *rows]))


def verdict_of(root, names):
    """Writes what a refit of all approaches would leave, and judges it; returns it, too."""
    table = table_of(root / "data", names)
    blocks = blocks_of_all(table.schema)
    spaces = [load_block(b.attributes, b.form.value, table.schema) for b in blocks]
    lineup, store = Lineup.of(table.schema, spaces), RunStore(root / "run")
    people = np.arange(PEOPLE)
    split = Split(search_train=people[:30], search_val=people[30:45], held_out=people[45:])
    write_truth(store.predictions, table, FOLDS, split)
    files, units = RefitFiles(store.predictions), []
    store.models.mkdir()
    for place, space in enumerate(spaces):
        config = {"target.attributes": space.attributes, "target.form": space.form}
        for seed in range(SEEDS):
            for fold in range(3):
                unit = Unit(space=space.name, config_id="1", seed=seed, fold=fold, config=config)
                heads = {
                    head: probs_of(table, axes, (place, seed, number))[FOLDS.out(fold)]
                    for number, (head, axes) in enumerate(lineup.heads(space.name).items())
                }
                trained = TrainedUnit(
                    indices=FOLDS.out(fold),
                    seconds=1.0,
                    key=FOLDS.key(unit),
                    note={},
                    heads=heads,
                    mirrored=heads,
                )
                files.write_unit(unit, trained)
                (store.models / f"{unit.name}.safetensors").touch()
                units.append(unit)
    files.merge(units, FOLDS)
    configs = {config_name(unit.space, "1"): unit.config for unit in units}
    shape = Shape(folds=3, seeds=SEEDS, configs=1, default=False)
    RefitNote(shape=shape, notes=(), configs=configs).write(store)
    store.write_study({})
    refitted = Refitted.read(store, lineup)
    return conclude(refitted, Rules(num_resamples=200)).findings.verdict, refitted


def probs_of(table, axes, key):
    """Returns probabilities [N, K] that are right for four of five."""
    codes = table.schema.codes(table.labels, axes)
    num = table.schema.only(axes).num_joint
    rng = np.random.default_rng(key)
    guess = np.where(rng.random(PEOPLE) < 0.8 - 0.2 * key[0] / 4, codes, (codes + 1) % num)
    return (0.4 / num + 0.6 * np.eye(num)[guess]).astype(np.float32)


@pytest.mark.parametrize(
    "names",
    [
        ("label", "group2"),
        ("fold", "held_out"),
        ("sample", "chose"),
        ("age_raw", "x_raw"),
        ("key", "note"),
        ("indices", "file"),
        ("multihead", "separate"),
        ("joint", "all"),
        ("attribute:joint", "joint"),
        ("fit [wide]", "a=b"),
        ("a/b", "a\\b"),
        ("a.b", 'say "x", y'),
        ("validation", "refit"),
        ("성별", "n" * 200),
        ("a+b", "b|c"),
    ],
)
def test_the_verdict_is_that_with_the_attributes_renamed(tmp_path, names):
    expected, _ = verdict_of(tmp_path / "plain", ("first", "second"))
    found, refitted = verdict_of(tmp_path / "odd", names)
    lineup = refitted.lineup
    assert set(lineup.approaches) == {"separate", "joint", "multihead"}
    figures = {pair.a + pair.b: pair.headline.difference for pair in found.pairs}
    assert figures == {pair.a + pair.b: pair.headline.difference for pair in expected.pairs}
    assert [s.interval for s in found.scores] == [s.interval for s in expected.scores]
    assert {refitted.seeds_without_models(space) for space in lineup.blocks} == {0.0}
