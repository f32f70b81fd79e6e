"""Pseudo-labels are used where they win, and only there."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from search.analysis.verdict.rules import (
    Rules,
)
from search.errors import UsageError
from search.pseudo.stage import DEFAULT_THRESHOLD, read_thresholds
from search.pseudo.verdict import PSEUDO_CONFIG, adopt, judge_spaces, labels_folder, print_pseudo
from search.refit.refitted import Refitted
from tests.search.builders.made_refit import (
    FOLDS,
    LINEUP,
    SCHEMA,
    SEEDS,
    made_labels,
    noisy,
    write_parts,
    write_refit,
)

SPACES = tuple(LINEUP.blocks)
CONFIG_IDS = dict.fromkeys(SPACES, "1")


def with_pseudo(tmp_path, accuracy):
    """Returns a refitted run, plain accuracy 0.5, and trainings with pseudo-labels beside it."""
    store = write_refit(tmp_path / "run", dict.fromkeys(SPACES, 0.5))
    folder = store.predictions / PSEUDO_CONFIG
    for part in ("parts", "labels"):
        (folder / part).mkdir(parents=True)
    label = made_labels()[0]
    for space in SPACES:
        for seed in range(SEEDS):
            heads = {h: noisy(label, h, accuracy[space], 9, seed) for h in LINEUP.heads(space)}
            np.savez(folder / f"{space}.pseudo.{seed}.npz", **heads)
            write_parts(folder, f"{space}.pseudo.{seed}", heads)
            for fold in range(FOLDS):
                name = f"{space}.pseudo.{seed}.{fold}"
                (store.root / "models" / f"{name}.safetensors").write_text("weights")
        np.savez(labels_folder(store) / f"{space}.0.npz", rows=np.arange(7))
    return store


def judged(store):
    return judge_spaces(read(store), CONFIG_IDS, Rules(seed=0))


def read(store):
    return Refitted.read(store, LINEUP)


@pytest.fixture
def one_wins(tmp_path):
    accuracy = {"gender": 0.5, "age": 0.97, "joint": 0.5, "multihead": 0.3}
    return with_pseudo(tmp_path, accuracy)


def test_only_a_clear_win_counts(one_wins):
    verdicts = {verdict.space: verdict for verdict in judged(one_wins)}
    assert {name: verdict.wins for name, verdict in verdicts.items()} == {
        "gender": False,
        "age": True,
        "joint": False,
        "multihead": False,
    }
    assert verdicts["age"].scores[0] > 0.9 > verdicts["age"].scores[1]
    assert verdicts["age"].photos == 7


def test_a_loss_is_no_win(tmp_path):
    store = with_pseudo(tmp_path, dict.fromkeys(SPACES, 0.2))
    verdicts = judged(store)
    assert verdicts[0].pair.winner == "plain"
    assert not any(verdict.wins for verdict in verdicts)


def test_what_wins_joins_the_refitted_configs_and_the_rest_is_deleted(one_wins):
    adopt(read(one_wins), CONFIG_IDS, judged(one_wins))
    found = read(one_wins).predictions
    assert {space for space, config_ids in found.items() if PSEUDO_CONFIG in config_ids} == {"age"}
    configs = json.loads((one_wins.predictions / "refit.json").read_text())["configs"]
    assert configs["age.pseudo"] == configs["age.1"]
    assert "joint.pseudo" not in configs
    models = {path.name.split(".")[0] for path in (one_wins.root / "models").glob("*.pseudo.*")}
    assert models == {"age"}
    kept = one_wins.read_json("predictions/pseudo/verdict.json")["spaces"]
    assert [entry["space"] for entry in kept if entry["wins"]] == ["age"]


def test_a_verdict_that_turns_takes_the_config_out_again(one_wins):
    verdicts = judged(one_wins)
    adopt(read(one_wins), CONFIG_IDS, verdicts)
    lost = tuple(replace(verdict, wins=False) for verdict in verdicts)
    adopt(read(one_wins), CONFIG_IDS, lost)
    found = read(one_wins).predictions
    assert not any(PSEUDO_CONFIG in config_ids for config_ids in found.values())


def test_the_table_says_where_they_are_used(one_wins):
    console = Console(file=io.StringIO(), width=120)
    print_pseudo(console, judged(one_wins), SPACES)
    row = next(line for line in console.file.getvalue().splitlines() if " age " in line)
    assert " yes " in row


def test_thresholds_are_those_given_and_else_the_default():
    assert read_thresholds(["age=0.7"], SCHEMA) == {"gender": DEFAULT_THRESHOLD, "age": 0.7}


@pytest.mark.parametrize("given", ["age", "age=much", "age=0", "age=1.5", "hair=0.5", "=0.5"])
def test_a_threshold_that_is_none_is_refused(given):
    with pytest.raises(UsageError, match=r"ATTRIBUTE=SHARE .* gender, age; got "):
        read_thresholds([given], SCHEMA)


def test_a_mistyped_attribute_of_a_threshold_is_told_what_was_meant():
    with pytest.raises(UsageError, match=r"got 'gendr=0\.5' \(did you mean gender\?\)$"):
        read_thresholds(["gendr=0.5"], SCHEMA)


def test_what_wins_with_fewer_seeds_than_there_are_without_is_not_used(one_wins):
    """Who took it would lose the other seeds of the approach."""
    refitted = read(one_wins)
    more = {**refitted.trained, "age": {"1": tuple(range(SEEDS + 1))}}
    found = judge_spaces(replace(refitted, trained=more), CONFIG_IDS, Rules(seed=0))
    verdicts = {verdict.space: verdict for verdict in found}
    assert verdicts["age"].pair.winner == PSEUDO_CONFIG
    assert (verdicts["age"].wins, verdicts["age"].seeds) == (False, (SEEDS, SEEDS + 1))
    console = Console(file=io.StringIO(), width=120)
    print_pseudo(console, tuple(verdicts.values()), SPACES)
    assert f"no, {SEEDS} of {SEEDS + 1} seeds" in console.file.getvalue()


def test_a_space_without_a_whole_seed_goes_on_without_and_the_others_are_judged(one_wins):
    """One fold that broke must not end a run after all its trainings."""
    adopt(read(one_wins), CONFIG_IDS, judged(one_wins))
    for path in (one_wins.predictions / PSEUDO_CONFIG).glob("age.pseudo.*.npz"):
        path.unlink()
    verdicts = judged(one_wins)
    assert {verdict.space for verdict in verdicts} == {*SPACES} - {"age"}
    adopt(read(one_wins), CONFIG_IDS, verdicts)
    assert not any(PSEUDO_CONFIG in ids for ids in read(one_wins).predictions.values())
    console = Console(file=io.StringIO(), width=120)
    print_pseudo(console, verdicts, SPACES)
    assert "age: no seed of all folds with pseudo-labels; not used" in console.file.getvalue()


def test_no_space_with_a_whole_seed_is_no_error(one_wins):
    for path in (one_wins.predictions / PSEUDO_CONFIG).glob("*.pseudo.*.npz"):
        path.unlink()
    assert judged(one_wins) == ()


def test_a_space_that_lacked_time_keeps_its_models_for_a_start_with_more(one_wins):
    verdicts = tuple(
        replace(each, wins=False, seeds=(1, SEEDS)) if each.space == "age" else each
        for each in judged(one_wins)
    )
    adopt(read(one_wins), CONFIG_IDS, verdicts)
    assert not any(PSEUDO_CONFIG in ids for ids in read(one_wins).predictions.values())
    models = {path.name.split(".")[0] for path in (one_wins.root / "models").glob("*.pseudo.*")}
    assert models == {"age"}
