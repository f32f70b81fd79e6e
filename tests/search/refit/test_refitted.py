"""What later stages get of a finished refit, and what it says where that is not there."""

import json
from dataclasses import replace

import numpy as np
import pytest

from search.errors import ResultsError
from search.refit.files import RefitNote
from search.refit.refitted import Refitted
from tests.search.builders.made_refit import (
    CONFIG_IDS,
    FOLDS,
    LINEUP,
    MEAN,
    PEOPLE,
    PHOTOS,
    SCHEMA,
    SEEDS,
    STD,
    flat_config,
    made_labels,
    write_refit,
)

EVEN = dict.fromkeys(LINEUP.blocks, 0.7)


@pytest.fixture
def store(tmp_path):
    return write_refit(tmp_path / "run", EVEN)


def test_configs_and_normalisation_of_every_refitted_network_are_there(store):
    refitted = Refitted.read(store, LINEUP)
    assert {space: set(known) for space, known in refitted.predictions.items()} == {
        space: set(CONFIG_IDS) for space in LINEUP.blocks
    }
    assert set(refitted.note.configs) == {f"{s}.{i}" for s in LINEUP.blocks for i in CONFIG_IDS}
    for space in LINEUP.blocks:
        for config_id in CONFIG_IDS:
            assert refitted.config(space, config_id) == flat_config(space)
            assert refitted.normalisation(space, config_id) == (MEAN, STD)


def test_probabilities_are_those_of_the_files_of_every_seed_mirrored_or_not(store):
    refitted = Refitted.read(store, LINEUP)
    mirrored = refitted.mirrored
    for space, head in (("joint", "joint"), ("multihead", "age"), ("gender", "gender")):
        for seed in range(SEEDS):
            with np.load(store.predictions / f"{space}.1.{seed}.npz") as file:
                plain = refitted.predictions[space]["1"][head][seed]
                assert plain.tolist() == file[head].tolist()
                turned = mirrored[space]["1"][head][seed]
                assert turned.tolist() == file[f"mirrored.{head}"].tolist()
                assert set(mirrored[space]["1"]) == set(refitted.predictions[space]["1"])


def test_labels_people_and_folds_are_those_of_the_truth(store):
    refitted = Refitted.read(store, LINEUP)
    label = made_labels()[0]
    assert refitted.truth.label.tolist() == label.tolist()
    assert len(set(refitted.truth.group.tolist())) == PEOPLE
    assert refitted.num_folds == refitted.truth.folds.num_folds == FOLDS
    cross_fit = refitted.truth.cross_fit
    assert len(list(cross_fit.rounds())) == FOLDS + 1  # the last is for held-out people
    assert cross_fit.held_out.sum() == SCHEMA.num_joint * PHOTOS


def test_every_whole_approach_is_built_of_its_spaces_in_schema_order(store):
    built = Refitted.read(store, LINEUP).build()
    assert {part.name: tuple(part.choices) for part in built} == {
        "separate": ("gender", "age"),
        "joint": ("joint",),
        "multihead": ("multihead",),
    }
    assert {part.probs.shape for part in built} == {(SEEDS, PEOPLE * PHOTOS, SCHEMA.num_joint)}
    assert tuple(LINEUP.heads("multihead")) == ("gender", "age")
    assert tuple(LINEUP.heads("joint")) == ("joint",)


def broke(store, *names):
    """Lets trainings of configs and seeds have broken: their files are gone, and it is noted."""
    note = RefitNote.read(store, SCHEMA.names)
    failed = tuple(f"{name}.0 (refit, seed 1 of 2) failed: it broke" for name in names)
    replace(note, notes=(*note.notes, *failed)).write(store)
    for name in names:
        (store.predictions / f"{name}.npz").unlink()
        (store.predictions / "parts" / f"{name}.0.npz").unlink()


def test_only_seeds_that_all_configs_have_are_read_and_keep_their_numbers(store):
    broke(store, "joint.1.0")
    refitted = Refitted.read(store, LINEUP)
    assert refitted.seeds == (1,)
    with np.load(store.predictions / "joint.default.1.npz") as file:
        stored = file["joint"].tolist()
    assert refitted.predictions["joint"]["default"]["joint"][0].tolist() == stored


def test_configs_without_a_common_seed_are_refused(store):
    broke(store, "joint.1.0", "age.1.1")
    with pytest.raises(ResultsError, match="have no seed in common; resume the run"):
        Refitted.read(store, LINEUP)


def test_spaces_without_a_refitted_config_are_named(store):
    names = [f"{s}.{i}.{n}" for s in ("gender", "joint") for i in CONFIG_IDS for n in range(SEEDS)]
    broke(store, *names)
    with pytest.raises(ResultsError, match=r"predictions has no .* of gender, joint; resume"):
        Refitted.read(store, LINEUP)


def test_a_refit_without_configs_says_so_where_one_is_asked_for(store):
    path = store.root / RefitNote.FILE
    values = json.loads(path.read_text(encoding="utf-8"))
    kept = ("schema", "shape", "notes")
    path.write_text(json.dumps({name: values[name] for name in kept}), encoding="utf-8")
    refitted = Refitted.read(store, LINEUP)
    with pytest.raises(ResultsError, match="an older headrace refitted it; start a new run"):
        refitted.config("age", "1")


def test_a_refit_without_normalisation_says_so_where_one_is_asked_for(store):
    for path in (store.predictions / "parts").glob("age.1.*.npz"):
        with np.load(path) as file:
            arrays = {**file, "note": '{"parameters": 1}'}
        np.savez(path, **arrays)
    refitted = Refitted.read(store, LINEUP)
    assert refitted.normalisation("age", "default") == (MEAN, STD)
    with pytest.raises(ResultsError, match=r"has not those of age\.1"):
        refitted.normalisation("age", "1")


def test_the_note_of_a_refit_is_read_as_it_was_written(store):
    note = RefitNote.read(store, SCHEMA.names)
    changed = replace(
        note,
        notes=("a cut",),
        shape=replace(note.shape, epochs_share=0.5),
        configs={name: {**config, "optim.lr": 0.1} for name, config in note.configs.items()},
    )
    changed.write(store)
    assert RefitNote.read(store, SCHEMA.names) == changed
    assert RefitNote.exists(store)
    assert set(note.config_ids("age")) == set(CONFIG_IDS)
