"""Candidates from the files of a refit: who they are, what they cost, what they may not see."""

from dataclasses import replace

import numpy as np
import pytest

from search.analysis.ensemble.fit import FittedMember
from search.ensemble import members as ensemble_members
from search.ensemble.members import CHOSEN, make_candidates, member_of
from search.errors import ResultsError
from search.predict.serving_cost import ServingCost
from search.refit.files import RefitNote
from search.refit.refitted import Refitted
from search.refit.truth import Truth
from tests.search.builders.made_refit import (
    FOLDS,
    LINEUP,
    MEAN,
    SCHEMA,
    SEEDS,
    STD,
    flat_config,
    made_labels,
    write_parts,
    write_refit,
)

EVEN = dict.fromkeys(LINEUP.blocks, 0.7)


@pytest.fixture(autouse=True)
def served(monkeypatch):
    """Every network takes a millisecond a photo; the configs that were measured."""
    measured = []

    def costs(store, schema, configs, *, here):
        measured.extend(configs)
        return {name: ServingCost(flops=1.0, milliseconds=1.0) for name in configs}

    monkeypatch.setattr(ensemble_members, "serving_costs", costs)
    return measured


def candidates_of(store):
    refitted = Refitted.read(store, LINEUP)
    made = make_candidates(refitted, refitted.build())
    return {candidate.name: candidate for candidate in made}


def test_every_approach_rank_and_seed_is_a_candidate_and_so_are_the_chosen_configs(tmp_path):
    found = candidates_of(write_refit(tmp_path / "run", EVEN))
    expected = {
        f"{approach}.{config_id}.{seed}"
        for approach in ("separate", "joint", "multihead")
        for config_id in ("default", "1", CHOSEN)
        for seed in range(SEEDS)
    }
    assert set(found) == expected
    assert found["separate.1.0"].configs(-1) == ("gender.1", "age.1")
    assert found["joint.default.1"].configs(-1) == ("joint.default",)
    assert found["multihead.1.1"].layout.head_sizes == (2, 3)
    assert found["joint.1.0"].layout.head_sizes == (6,)


def test_a_rank_that_one_attribute_lacks_is_no_separate_member(tmp_path):
    store = write_refit(tmp_path / "run", EVEN)
    for path in store.predictions.rglob("age.1.*.npz"):
        path.unlink()
    note = RefitNote.read(store, SCHEMA.names)
    configs = {name: config for name, config in note.configs.items() if name != "age.1"}
    replace(note, configs=configs).write(store)
    found = candidates_of(store)
    assert "separate.default.0" in found
    assert "separate.1.0" not in found
    assert "joint.1.0" in found


def test_candidates_hold_the_probabilities_of_their_files(tmp_path):
    store = write_refit(tmp_path / "run", EVEN)
    network = candidates_of(store)["multihead.1.1"].networks[0]
    with np.load(store.predictions / "multihead.1.1.npz") as file:
        for position, head in enumerate(SCHEMA.names):
            assert network.heads[0][position].tolist() == file[head].tolist()
            assert network.mirrored[0][position].tolist() == file[f"mirrored.{head}"].tolist()


def test_chosen_candidates_share_their_arrays_with_the_plain_ones(tmp_path):
    found = candidates_of(write_refit(tmp_path / "run", EVEN))
    chosen, plain = found["joint.chosen.0"].networks[0], found["joint.1.0"].networks[0]
    assert chosen.heads[chosen.configs.index("joint.1")][0] is plain.heads[0][0]


def test_each_round_picks_what_its_own_fit_people_chose_and_the_last_what_all_chose(tmp_path):
    store = write_refit(tmp_path / "run", EVEN)
    truth = Truth.read(store.predictions)
    age = SCHEMA.attribute_codes(truth.label)[:, 1]
    luck = np.random.default_rng(0).random(len(age))
    # The default lives on fold 0 alone: without it, config_id 1 is better.
    for config_id, right in (
        ("default", luck < np.where(truth.fold == 0, 1, 0.5)),
        ("1", luck < 0.6),
    ):
        for seed in range(SEEDS):
            sure = np.float32(0.7 - 1e-6 * seed)  # no two trainings predict the very same
            hit = np.eye(3, dtype=np.float32)[np.where(right, age, (age + 1) % 3)]
            probs = (1 - sure) / 3 + sure * hit
            files, name = {"age": probs, "mirrored.age": probs}, f"age.{config_id}.{seed}"
            np.savez(store.predictions / f"{name}.npz", **files)
            write_parts(store.predictions, name, files)
    separate = Refitted.read(store, LINEUP).build()[0]
    network = candidates_of(store)["separate.chosen.0"].networks[1]
    by_round = separate.choices["age"].by_round
    assert by_round[0] == "1"
    assert set(by_round[1:]) == {"default"}
    assert [network.config(n) for n in range(len(by_round))] == [f"age.{r}" for r in by_round]
    assert network.config(-1) == "age.default"


def test_labels_of_the_people_of_a_round_do_not_move_its_pick(tmp_path):
    honest = write_refit(tmp_path / "a", EVEN)
    cross_fit = Truth.read(honest.predictions).cross_fit
    right = candidates_of(honest)
    moved = 0
    for number, (_, apply) in enumerate(cross_fit.rounds()):
        # Their true labels become what config 1 says, so that whoever looks at them picks it,
        # and what the default says, so that he picks the default.
        for config_id in ("default", "1"):
            label = made_labels()[0]
            with np.load(honest.predictions / f"joint.{config_id}.0.npz") as file:
                label[apply] = file["joint"].argmax(axis=1)[apply]
            poisoned = candidates_of(
                write_refit(tmp_path / f"{number}{config_id}", EVEN, label=label)
            )
            pick = right["joint.chosen.0"].networks[0].config(number)
            other = poisoned["joint.chosen.0"].networks[0]
            assert other.config(number) == pick
            everyone = [right["joint.chosen.0"].networks[0].config(n) for n in range(-1, 4)]
            moved += [other.config(n) for n in range(-1, 4)] != everyone
    assert moved > 0  # the poison is strong enough to move the picks of other rounds


def test_a_member_costs_all_its_networks_and_folds_and_equal_networks_are_measured_once(
    tmp_path, served
):
    found = candidates_of(write_refit(tmp_path / "run", EVEN))
    assert found["joint.1.0"].cost_ms == FOLDS
    assert found["separate.chosen.0"].cost_ms == 2 * FOLDS
    assert len(served) == 1


def test_a_network_that_cannot_be_built_is_named(tmp_path, monkeypatch):
    store = write_refit(tmp_path / "run", EVEN)
    monkeypatch.setattr(ensemble_members, "serving_costs", lambda *given, here: {})
    with pytest.raises(ResultsError, match=r"network of age\.1 cannot be built here"):
        candidates_of(store)


def test_a_fitted_member_becomes_parts_with_configs_normalisation_and_files(tmp_path):
    refitted = Refitted.read(write_refit(tmp_path / "run", EVEN), LINEUP)
    fitted = FittedMember(
        name="separate.chosen.1",
        approach="separate",
        weight=0.5,
        configs=("gender.1", "age.default"),
        temperatures=((1.5,), (0.5,)),
    )
    member = member_of(fitted, refitted)
    gender, age = member.parts
    assert (gender.name, age.name) == ("gender.1.1", "age.default.1")
    assert (gender.heads, age.heads) == (("gender",), ("age",))
    assert (gender.temperatures, age.temperatures) == ((1.5,), (0.5,))
    assert dict(age.config) == flat_config("age")
    assert (gender.mean, gender.std) == (MEAN, STD)
    assert gender.files == tuple(f"members/gender.1.1.{f}.safetensors" for f in range(FOLDS))
