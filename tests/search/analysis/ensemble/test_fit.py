import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.analysis.ensemble import fit as ensemble
from search.analysis.ensemble.candidates import Candidate, StoredNetwork
from search.analysis.ensemble.fit import fit_ensemble
from search.analysis.ensemble.recipe import Selection, choose_recipe
from search.analysis.ensemble.weights import Limit
from search.analysis.errors import AnalysisError
from search.analysis.fitting.calibration import Method, fit_calibration
from search.analysis.metrics import macro_f1
from search.analysis.people import People
from search.analysis.recombine import HeadLayout, attribute_classes
from tests.search.builders.ensemble_worlds import (
    NUM_CLASSES,
    WHOLE,
    joint,
    labels_of,
    mixed,
    output,
    people_of,
    separate,
)

NO_LIMIT = Limit()


def _fit(candidates, y, g, **options):
    return fit_ensemble(candidates, people_of(y, g), **{"limit": NO_LIMIT, "seed": 0, **options})


@given(seed=st.integers(0, 10_000), signal=st.floats(0.0, 2.0))
@settings(max_examples=12)
def test_the_ensemble_is_no_worse_than_the_best_member_on_the_data_it_was_fitted_to(seed, signal):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 48)
    candidates = mixed(rng, y, signal, num=2)
    fitted = _fit(candidates, y, g)
    probs = fitted.probs(candidates)
    rows = np.arange(len(y))
    singles = [
        macro_f1(y, candidate.predicted(-1, rows, fitted.mirrored), NUM_CLASSES)
        for candidate in candidates
    ]
    assert macro_f1(y, fitted.predict(probs), NUM_CLASSES) >= max(singles) - 1e-12


def test_what_is_deployed_is_a_weighted_mean_of_calibrated_members(seed):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 60)
    candidates = mixed(rng, y, 1.0)
    fitted = _fit(candidates, y, g)
    weights = [member.weight for member in fitted.members]
    assert sum(weights) == pytest.approx(1.0)
    assert weights == sorted(weights, reverse=True)
    assert min(weights) > 0
    by_name = {candidate.name: candidate for candidate in candidates}
    expected = sum(
        member.weight
        * by_name[member.name].probs(member.configs, member.temperatures, np.arange(120), False)
        for member in fitted.members
    )
    probs = fitted.probs(candidates)
    assert probs.dtype == np.float32
    np.testing.assert_allclose(probs, expected, atol=1e-6)
    np.testing.assert_allclose(probs.sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(fitted.probs(candidates, [7, 3]), probs[[7, 3]])
    biased = (np.log(probs) + np.array(fitted.biases)).argmax(axis=1)
    np.testing.assert_array_equal(fitted.predict(probs), biased)


def test_every_head_has_the_temperature_of_its_own_labels(seed):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 90)
    one = separate(rng, y, 1.5, "s")
    fitted = _fit([one], y, g)
    for place, labels in enumerate((y // 3, y % 3)):
        alone = fit_calibration(one.networks[place].heads[0][0], labels, Method.TEMPERATURE)
        assert fitted.members[0].temperatures[place] == (alone.temperature,)


def test_a_head_of_several_attributes_has_the_temperature_of_their_label(seed):
    rng = np.random.default_rng(seed)
    y, (_, g) = rng.integers(0, 12, 180), labels_of(rng, 90)
    first, second, third = attribute_classes(y, (2, 3, 2)).T
    labels = {"outer": 2 * first + third, "inner": second}
    networks = tuple(
        StoredNetwork(configs=(name,), heads=((output(rng, labels[name], size, 1.5),),))
        for name, size in (("outer", 4), ("inner", 3))
    )
    layout = HeadLayout((2, 3, 2), ((0, 2), (1,)))
    one = Candidate(name="c", approach="outer | inner", networks=networks, layout=layout)
    people = People(label=y, person=g, num_classes=12)
    fitted = fit_ensemble([one], people, limit=NO_LIMIT, seed=0)
    for place, own in enumerate(labels.values()):
        alone = fit_calibration(networks[place].heads[0][0], own, Method.TEMPERATURE)
        assert fitted.members[0].temperatures[place] == (alone.temperature,)


def test_heads_that_members_share_have_one_temperature_but_their_own_config(seed):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 60)
    first, second = ((output(rng, y, NUM_CLASSES, signal),) for signal in (2.0, 1.0))
    alone = StoredNetwork(configs=("b",), heads=(second,))
    choice = StoredNetwork(configs=("a", "b"), heads=(first, second), picks=(0, 1))
    candidates = [
        Candidate(name=name, approach="joint", networks=(network,), layout=WHOLE)
        for name, network in (("alone", alone), ("chosen", choice))
    ]
    last = {m.name: m for m in _fit(candidates, y, g, only=("alone", "chosen")).members}
    assert last["alone"].temperatures == last["chosen"].temperatures
    assert last["chosen"].configs == ("b",)
    of_round = _fit(candidates, y, g, only=("alone", "chosen"), when=0).members
    assert {m.name: m.configs for m in of_round} == {"alone": ("b",), "chosen": ("a",)}


@pytest.mark.parametrize(("mirror_signal", "pays"), [(1.5, True), (-3.0, False), (None, False)])
def test_mirrored_photos_are_used_where_they_make_members_better(seed, mirror_signal, pays):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 150)
    one, two = (joint(rng, y, 1.5, name, mirror_signal=mirror_signal) for name in "ab")
    assert _fit([one, two], y, g).mirrored is pays
    assert not _fit([one, separate(rng, y, 1.5, "s")], y, g).mirrored  # not all have them
    assert not _fit([one, two], y, g, limit=Limit(max_ms=9.0)).mirrored


def test_limits_hold_for_what_is_deployed(seed):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 60)
    candidates = [separate(rng, y, 1.0, str(cost), cost_ms=cost) for cost in range(1, 9)]
    few = _fit(candidates, y, g, limit=Limit(max_members=2)).members
    assert len(few) <= 2
    quick = _fit(candidates, y, g, limit=Limit(max_ms=10.0)).members
    assert sum(int(member.name) for member in quick) <= 10
    assert len(_fit(candidates, y, g).members) > 2


def test_named_members_take_equal_weights(seed):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 60)
    candidates = mixed(rng, y, 1.0)
    names = ("joint.0.0", "joint.1.0")
    fitted = _fit(candidates, y, g, only=names)
    assert fitted.selection is Selection.SINGLE
    assert {m.name: m.weight for m in fitted.members} == dict.fromkeys(names, 0.5)
    with pytest.raises(AnalysisError, match=r"unknown members \['jiont'\]; candidates: joint\.0"):
        _fit(candidates, y, g, only=("jiont",))


def test_only_the_labels_of_the_given_samples_decide(seed):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 60)
    candidates = mixed(rng, y, 1.0, num=2)
    given_samples = np.flatnonzero(g < 40)
    poisoned = np.where(g < 40, y, (y + 1) % NUM_CLASSES)
    fits = [_fit(candidates, labels, g, samples=given_samples) for labels in (y, poisoned)]
    assert fits[0] == fits[1]
    assert _fit(candidates, y, g) != _fit(candidates, poisoned, g)


def test_the_recipe_is_chosen_on_whole_people_named_as_they_like(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 30)
    seen = []

    def spy(networks, people, selections, rng):
        seen.append(people)
        return choose_recipe(networks, people, selections, rng)

    monkeypatch.setattr(ensemble, "choose_recipe", spy)
    rows = np.flatnonzero(g >= 10)
    _fit([joint(rng, y, 1.0, "j")], y, np.char.mod("p%02d", g), samples=rows)
    np.testing.assert_array_equal(seen[0].label, y[rows])
    np.testing.assert_array_equal(seen[0].person, g[rows] - 10)


def test_equal_seeds_give_equal_ensembles(seed):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 60)
    candidates = mixed(rng, y, 1.0, num=2)
    assert _fit(candidates, y, g, seed=5) == _fit(candidates, y, g, seed=5)


def test_people_and_labels_must_have_one_length(seed):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 12)
    with pytest.raises(AnalysisError, match=r"labels and people must be vectors of one length"):
        _fit([joint(rng, y, 1.0, "j")], y, g[:-1])
