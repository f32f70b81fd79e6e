"""Rounds of a refit: who trains on after a look, and the looks taken again from the disk."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from search.analysis.verdict.rounds import Look, Standing
from search.errors import ResultsError
from search.prepare.dataset import Dataset
from search.prepare.prepared import Prepared
from search.prepare.resources import Node, plan_resources
from search.refit.approaches import Lineup
from search.refit.files import RefitFiles, RefitNote
from search.refit.looks import describe, retake_looks
from search.refit.plan import Shape
from search.refit.refitted import Refitted
from search.refit.rounds import RefitRounds
from search.refit.truth import write_truth
from search.refit.unit_file import TrainedUnit
from search.refit.units import Folds
from search.store.run_store import RunStore
from spaces.space import Space
from tests.search.builders.made import made_config
from tests.search.builders.people import trial_setting, write_people
from tests.search.builders.scripted import SCALE, default, suggest
from trainables.data.splits import make_folds

FOLDS, FULL = 3, 6
SHAPE = Shape(folds=FOLDS, seeds=2, configs=1, default=False)
BLOCKS = {
    "gender": (("gender",), "softmax"),
    "mask": (("mask",), "softmax"),
    "joint": (("gender", "mask"), "softmax"),
    "multihead": (("gender", "mask"), "heads"),
}
SEPARATE = {"gender", "mask"}


def space(name):
    attributes, form = BLOCKS[name]
    return Space(
        name=name,
        attributes=attributes,
        form=form,
        suggest=suggest,
        default=default,
        warm_start=(),
    )


@dataclass
class Trainer:
    """Instead of trainings: predictions that are wrong in a share of the photos of a space.

    Attributes:
        wrong: share by space.
        kept: share of the errors that all seeds of a space have in common.
        trained: spaces that were trained, by seed.
        most: units after which the time is over.
    """

    prepared: Prepared
    folds: Folds
    wrong: dict[str, float]
    kept: float = 0.9
    most: int = 10_000
    trained: dict[int, set[str]] = field(default_factory=dict)

    def __call__(self, rounds, units, noun):
        files = RefitFiles(self.prepared.store.predictions)
        for unit in units:
            if not files.is_done(unit, self.folds):
                if not self.most:
                    return ["cut off"], False
                self.most -= 1
                self.trained.setdefault(unit.seed, set()).add(unit.space)
                files.write_unit(unit, self.prediction(unit))
        return [], True

    def prediction(self, unit):
        table, out = self.prepared.dataset.table, self.folds.out(unit.fold)
        lineup = Lineup.of(self.prepared.schema, self.prepared.spaces)
        labels = dict(zip(self.prepared.schema.names, table.labels.T, strict=True))
        labels["joint"] = table.joint
        heads = {}
        for head in lineup.heads(unit.space):
            own = np.random.default_rng([unit.seed, len(unit.space), *head.encode()])
            same = np.random.default_rng([99, len(unit.space), *head.encode()])
            num = len(table.joint)
            draw = np.where(same.random(num) < self.kept, same.random(num), own.random(num))
            size = len(set(labels[head]))
            chosen = (labels[head] + (draw < self.wrong[unit.space])) % size
            sure = 0.9 - 1e-6 * unit.seed  # no two trainings predict the very same
            heads[head] = np.where(np.eye(size)[chosen] == 1, sure, (1 - sure) / (size - 1))[out]
        return TrainedUnit(
            indices=out, seconds=1.0, key=self.folds.key(unit), note={}, heads=heads
        )


@pytest.fixture
def prepared(tmp_path):
    data = write_people(tmp_path / "data", num_people=90)
    setting = trial_setting(data, tmp_path / "cache", tmp_path)
    return Prepared(
        config=made_config(str(data)),
        dataset=Dataset(root=data, table=setting.table, split=setting.split, is_demo=False),
        spaces=tuple(map(space, BLOCKS)),
        scale=SCALE,
        backbones=("test_resnet",),
        resources=plan_resources([Node(cpus=2)], "auto"),
        store=RunStore(tmp_path / "run"),
        stored_size=setting.stored_size,
        cache_dir=setting.cache_dir,
    )


def rounds_of(prepared, wrong, *, full=FULL, time_left=lambda: None, said=None, **options):
    table = prepared.dataset.table
    folds = Folds(of_sample=make_folds(table, FOLDS, 0), num_folds=FOLDS)
    write_truth(prepared.store.predictions, table, folds, prepared.dataset.split)
    trainer = Trainer(prepared, folds, wrong, **options)
    rounds = RefitRounds(
        run=prepared,
        configs={name: {"1": config(name)} for name in BLOCKS},
        folds=folds,
        files=RefitFiles(prepared.store.predictions),
        full=full,
        shape=SHAPE,
        train=trainer,
        time_left=time_left,
        say=(said if said is not None else []).append,
    )
    return rounds, trainer


def config(name):
    attributes, form = BLOCKS[name]
    return {"target.attributes": attributes, "target.form": form, "optim.lr": 0.1}


def written(rounds, prepared):
    rounds.write()
    prepared.store.write_study({})
    return Refitted.read(prepared.store, Lineup.of(prepared.schema, prepared.spaces))


def standings(rounds):
    return {pair: found.standing for pair, found in rounds.closings.items()}


NEAR = 0.074
JOINT_IS_WORSE = {"gender": 0.1, "mask": 0.1, "joint": 0.6, "multihead": 0.07}


def test_an_approach_trains_on_while_one_of_its_pairs_is_open(prepared):
    rounds, trainer = rounds_of(prepared, JOINT_IS_WORSE)
    rounds.go_on()
    closings = rounds.rounds.closings
    assert closings["separate", "joint"].standing is Standing.WON
    assert closings["joint", "multihead"].standing is Standing.WON
    assert closings["separate", "joint"].estimate.num_seeds == 2
    # The third pair is not decided at the first look, and its two approaches train on alone.
    assert closings["separate", "multihead"].estimate.num_seeds > 2
    assert trainer.trained[0] == trainer.trained[1] == set(BLOCKS)
    assert trainer.trained[2] == SEPARATE | {"multihead"}


def test_nothing_is_trained_once_all_pairs_are_settled(prepared):
    wrong = {"gender": 0.02, "mask": 0.02, "joint": 0.9, "multihead": 0.35}
    rounds, trainer = rounds_of(prepared, wrong)
    rounds.go_on()
    assert not rounds.rounds.open_pairs
    assert max(trainer.trained) < FULL - 1
    notes = written(rounds, prepared).note.notes
    assert f"all pairs were settled after {rounds.seeds} of {FULL} seeds" in notes
    assert not any(note.startswith("seeds:") for note in notes)


def test_the_looks_are_taken_again_from_the_disk(prepared):
    rounds, _ = rounds_of(prepared, JOINT_IS_WORSE)
    rounds.go_on()
    refitted = written(rounds, prepared)
    seeds = {name: len(refitted.own_seeds(name)) for name in refitted.lineup.approaches}
    assert seeds["joint"] == 2 < seeds["separate"] == seeds["multihead"]
    again = retake_looks(refitted, prepared.config.margin, prepared.config.seed)
    assert standings(again) == standings(rounds.rounds)
    estimates = [
        {pair: found.estimate for pair, found in each.closings.items()}
        for each in (again, rounds.rounds)
    ]
    assert estimates[0] == estimates[1]
    whole = {part.name: len(part.probs) for part in refitted.build_whole()}
    assert whole == seeds
    assert {len(part.probs) for part in refitted.build()} == {2}


def test_a_margin_that_leaves_a_pair_open_looks_at_it_as_it_stands(prepared):
    rounds, _ = rounds_of(prepared, JOINT_IS_WORSE)
    rounds.go_on()
    refitted = written(rounds, prepared)
    again = retake_looks(refitted, 0.9, prepared.config.seed)
    assert {found.standing for found in again.closings.values()} == {Standing.EQUIVALENT}
    assert set(again.closings) == set(rounds.rounds.pairs)


def test_time_that_is_over_ends_the_rounds_with_the_whole_seeds(prepared):
    # Two seeds and one training more, of 4 spaces and 3 folds a seed.
    rounds, trainer = rounds_of(prepared, JOINT_IS_WORSE, most=25)
    rounds.go_on()
    assert (rounds.seeds, set(trainer.trained)) == (2, {0, 1, 2})
    refitted = written(rounds, prepared)
    assert refitted.note.looks == (Look(seeds=2, full=FULL, ended=True),)
    assert refitted.seeds == (0, 1)
    assert "seeds: 2 instead of 6" in " ".join(refitted.note.notes)
    # Three folds of a second each, on two devices.
    assert refitted.note.seed_seconds == pytest.approx(dict.fromkeys(BLOCKS, 1.15 * 3 / 2))


def test_a_seed_that_was_not_planned_is_begun_only_where_it_fits(prepared):
    rounds, trainer = rounds_of(prepared, JOINT_IS_WORSE, time_left=lambda: 5.0)
    rounds.go_on()
    assert set(trainer.trained) == {0, 1}


@pytest.mark.parametrize(
    ("left", "further"),
    [
        (None, 3),  # of six seeds, half way between the look after two and the last
        (11.0, 1),  # one more, which was planned
        (10.0 + 3.5 * 11.5, 2.0),  # two to four more fit, and the last may not be needed
        (10.0 + 4.2 * 11.5, 2.4),
        (1000.0, 3),
    ],
)
def test_the_seeds_that_follow_are_those_that_fit_and_may_be_needed(prepared, left, further):
    rounds, _ = rounds_of(prepared, JOINT_IS_WORSE, time_left=lambda: left)
    assert rounds.seconds_after(seed_s=10.0, rest_s=10.0) == pytest.approx(10.0 * further)


def test_after_a_look_the_next_one_may_be_the_last(prepared):
    rounds, _ = rounds_of(prepared, JOINT_IS_WORSE)
    rounds.seeds = 2
    # The third seed is in training; half way between the look after it and the sixth.
    assert rounds.seconds_after(seed_s=10.0, rest_s=10.0) == pytest.approx(10.0 * 1.5)
    rounds.seeds = 5
    assert rounds.seconds_after(seed_s=10.0, rest_s=10.0) == 0.0


def test_a_further_seed_trains_what_is_still_open(prepared):
    rounds, _ = rounds_of(prepared, JOINT_IS_WORSE)
    units = rounds.further_units()
    assert {unit.space for unit in units} == set(BLOCKS)
    assert len(units) == len(BLOCKS) * FOLDS


def test_a_refit_that_was_cut_off_goes_on_as_if_it_had_not_been(prepared, tmp_path):
    whole, _ = rounds_of(prepared, JOINT_IS_WORSE)
    whole.go_on()
    cut, trainer = rounds_of(prepared, JOINT_IS_WORSE)
    cut.go_on()
    assert not trainer.trained
    assert (cut.looks, cut.rounds.closings) == (whole.looks, whole.rounds.closings)


def test_a_refit_that_was_killed_knows_its_shape_and_its_looks(prepared):
    wrong, said = {**JOINT_IS_WORSE, "multihead": NEAR}, []
    rounds, trainer = rounds_of(prepared, wrong, said=said)

    def train(rounds, units, noun):
        if said:  # after the first look
            raise KeyboardInterrupt
        return trainer(rounds, units, noun)

    rounds.train = train
    with pytest.raises(KeyboardInterrupt):
        rounds.go_on()
    assert not RefitNote.exists(prepared.store)
    note = RefitNote.begun(prepared.store, prepared.schema.names)
    first = Look(seeds=2, full=FULL, ended=False)
    assert (note.done, note.shape, note.looks) == (False, SHAPE, (first,))
    with pytest.raises(ResultsError, match=r"of run has not ended; .* --resume run .* goes on"):
        Refitted.read(prepared.store, Lineup.of(prepared.schema, prepared.spaces))
    # Asked for fewer seeds now, it counts the look of then all the same.
    more, _ = rounds_of(prepared, wrong, full=3)
    more.repeat(note)
    assert more.looks == [first, Look(seeds=3, full=3, ended=True)]
    more.write()
    assert RefitNote.exists(prepared.store)


def test_seeds_that_were_asked_for_and_found_no_time_are_trained_when_there_is_some(prepared):
    wrong = {**JOINT_IS_WORSE, "multihead": NEAR}
    object.__setattr__(prepared, "config", prepared.config.changed(refit_seeds=4))
    rounds, _ = rounds_of(prepared, wrong, full=4, time_left=lambda: 0.0)
    rounds.go_on()
    note = written(rounds, prepared).note
    assert (note.asked, note.shape.seeds) == (4, 2)
    still, trainer = rounds_of(prepared, wrong, full=4, time_left=lambda: 0.0)
    still.repeat(note)
    assert not trainer.trained
    more, trainer = rounds_of(prepared, wrong, full=4)
    more.repeat(note)
    assert set(trainer.trained) == {2, 3}


def test_what_was_decided_stays_so_when_more_seeds_are_asked_for(prepared):
    wrong = {**JOINT_IS_WORSE, "multihead": NEAR}
    rounds, _ = rounds_of(prepared, wrong, full=2)
    rounds.go_on()
    refitted = written(rounds, prepared)
    assert [look.seeds for look in refitted.note.looks] == [2]
    object.__setattr__(prepared, "config", prepared.config.changed(refit_seeds=4))
    more, trainer = rounds_of(prepared, wrong, full=4)
    more.repeat(refitted.note)
    assert set(trainer.trained) == {2, 3}
    assert all(spaces == SEPARATE | {"multihead"} for spaces in trainer.trained.values())
    # The first end has taken its share of the level; the second gets what is left.
    first, last = (
        more.rounds.closings[pair].share
        for pair in (("separate", "joint"), ("separate", "multihead"))
    )
    assert first == 1.0
    assert 0.1 <= last < 0.9
    assert [(look.seeds, look.full, look.ended) for look in more.looks] == [
        (2, 2, True),
        (3, 4, False),
        (4, 4, True),
    ]


def test_the_looks_are_told(prepared):
    said = []
    rounds, _ = rounds_of(prepared, JOINT_IS_WORSE, said=said)
    rounds.go_on()
    assert said[0].startswith("after 2 seeds of at most 6: separate - joint decided, ")
    assert said[-1].endswith(describe(rounds.rounds))


def test_a_training_that_broke_leaves_the_other_seeds_to_look_at(prepared):
    rounds, _ = rounds_of(prepared, JOINT_IS_WORSE)
    rounds.go_on()
    written(rounds, prepared)
    folder = prepared.store.predictions
    for path in (folder / "joint.1.0.npz", folder / "parts" / "joint.1.0.2.npz"):
        path.unlink()
    note = RefitNote.read(prepared.store, prepared.schema.names)
    merged = tuple(name for name in note.merged if name != "joint.1.0")
    failed = "joint.1.0.2 (refit, seed 1 of 6) failed: it broke"
    replace(note, merged=merged, notes=(*note.notes, failed)).write(prepared.store)
    refitted = Refitted.read(prepared.store, Lineup.of(prepared.schema, prepared.spaces))
    assert refitted.own_seeds("joint") == (1,)
    again = retake_looks(refitted, prepared.config.margin, prepared.config.seed)
    assert again.closings["separate", "joint"].standing is Standing.OPEN  # of one seed
    assert again.closings["separate", "multihead"].estimate.num_seeds > 2


def test_another_margin_leaves_a_refit_that_is_done_as_it_is(prepared):
    """A verdict may take another; trainings that are there are of the run all the same."""
    wrong = {**JOINT_IS_WORSE, "multihead": NEAR}
    rounds, _ = rounds_of(prepared, wrong, full=4)
    rounds.go_on()
    refitted = written(rounds, prepared)
    object.__setattr__(prepared, "config", prepared.config.changed(margin=0.9))
    again, trainer = rounds_of(prepared, wrong, full=4)
    again.repeat(refitted.note)
    assert not trainer.trained
    found = written(again, prepared).note
    assert (found.looks, found.shape.seeds) == (refitted.note.looks, refitted.note.shape.seeds)


def test_configs_by_which_all_is_settled_sooner_leave_a_refit_that_can_be_read(prepared):
    """More time may exchange the finalists of a run whose refit was done."""
    wrong = {**JOINT_IS_WORSE, "multihead": NEAR}
    rounds, _ = rounds_of(prepared, wrong, full=4)
    rounds.go_on()
    refitted = written(rounds, prepared)
    assert refitted.note.shape.seeds == 4
    for part in (prepared.store.predictions / "parts").iterdir():
        part.unlink()
    far = {**JOINT_IS_WORSE, "multihead": 0.9}
    again, trainer = rounds_of(prepared, far, full=4)
    again.repeat(refitted.note)
    found = written(again, prepared).note
    assert set(trainer.trained) == {0, 1}
    assert (found.shape.seeds, [look.ended for look in found.looks]) == (2, [True])
