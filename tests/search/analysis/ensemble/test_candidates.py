import numpy as np
import pytest

from search.analysis.ensemble.candidates import Candidate, StoredNetwork, check_candidates
from search.analysis.errors import AnalysisError
from search.analysis.fitting.calibration import Calibration
from search.analysis.recombine import HeadLayout, attribute_classes, recombine
from tests.search.builders.ensemble_worlds import (
    EACH,
    NUM_CLASSES,
    WHOLE,
    joint,
    labels_of,
    multihead,
    output,
    people_of,
    separate,
)

ALL = np.arange(24)


@pytest.fixture
def world(seed):
    rng = np.random.default_rng(seed)
    return rng, *labels_of(rng, 12)


def test_joint_probabilities_are_the_product_of_calibrated_heads_in_order(world):
    rng, y, _ = world
    for make in (separate, multihead):
        one = make(rng, y, 1.0, "one")
        heads = [head for network in one.networks for head in network.heads[0]]
        temperatures = ((0.5,), (2.0,)) if make is separate else ((0.5, 2.0),)
        expected = recombine(
            [
                Calibration(temperature=t, bias=np.zeros(head.shape[1])).apply(head)
                for t, head in zip((0.5, 2.0), heads, strict=True)
            ]
        )
        found = one.probs(one.configs(-1), temperatures, ALL, mirrored=False)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-6)
        some = one.probs(one.configs(-1), temperatures, ALL[5:9], mirrored=False)
        np.testing.assert_array_equal(some, found[5:9])


def test_mirrored_probabilities_are_averaged_before_calibration(world):
    rng, y, _ = world
    one = joint(rng, y, 1.0, "j", mirror_signal=1.0)
    network = one.networks[0]
    mean = (network.heads[0][0] + network.mirrored[0][0]) / 2
    expected = Calibration(temperature=2.0, bias=np.zeros(NUM_CLASSES)).apply(mean)
    assert one.has_mirrored
    found = one.probs(("j",), ((2.0,),), ALL, mirrored=True)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("temperatures", [(1.0, 1.0), (0.3, 4.0), (7.0, 0.8)])
def test_temperatures_do_not_move_the_predicted_class(world, temperatures):
    rng, y, _ = world
    one = multihead(rng, y, 1.0, "m")
    probs = one.probs(("m",), (temperatures,), ALL, mirrored=False)
    np.testing.assert_array_equal(one.predicted(-1, ALL, mirrored=False), probs.argmax(axis=1))


def test_each_round_has_its_config_and_all_people_theirs(world):
    rng, y, _ = world
    heads = tuple((output(rng, y, NUM_CLASSES, 1.0),) for _ in range(3))
    network = StoredNetwork(configs=("a", "b", "c"), heads=heads, picks=(1, 2, 0))
    assert [network.config(when) for when in (0, 1, -1)] == ["b", "c", "a"]
    one = Candidate(name="chosen", approach="joint", networks=(network,), layout=WHOLE)
    assert one.configs(1) == ("c",)
    np.testing.assert_array_equal(
        one.predicted(1, ALL, mirrored=False), heads[2][0].argmax(axis=1)
    )


def test_configs_of_other_shapes_and_picks_beyond_them_are_errors(world):
    rng, y, _ = world
    head, other = output(rng, y, 6, 1.0), output(rng, y % 5, 5, 1.0)
    for wrong in (
        {"configs": ("a", "b"), "heads": ((head,), (other,)), "picks": (0, 1)},
        {"configs": ("a", "b"), "heads": ((head,),), "picks": (0, 1)},
        {"configs": ("a",), "heads": ((head,),), "mirrored": ((other,),)},
        {"configs": ("a", "b"), "heads": ((head,),) * 2, "mirrored": ((head,),), "picks": (0,)},
    ):
        with pytest.raises(AnalysisError, match="the same heads of each of its configs"):
            StoredNetwork(**wrong)
    for picks in ((), (0, 2), (0, -1)):
        with pytest.raises(AnalysisError, match="`picks` must be positions in the 2 configs"):
            StoredNetwork(configs=("a", "b"), heads=((head,),) * 2, picks=picks)


def test_networks_of_different_samples_and_free_members_are_errors(world):
    rng, y, _ = world
    long, short = (
        StoredNetwork(configs=("a",), heads=((output(rng, y[:n] % size, size, 1),),))
        for n, size in ((24, 2), (9, 3))
    )
    with pytest.raises(AnalysisError, match=r"got \[9, 24\] samples"):
        Candidate(name="c", approach="separate", networks=(long, short), layout=EACH)
    one = joint(rng, y, 1.0, "j").networks
    with pytest.raises(AnalysisError, match=r"a cost > 0 ms, got \[24\] samples and 0 ms"):
        Candidate(name="c", approach="joint", networks=one, layout=WHOLE, cost_ms=0)


def test_networks_whose_heads_are_not_those_of_the_layout_are_errors(world):
    rng, y, _ = world
    networks = separate(rng, y, 1.0, "s").networks
    with pytest.raises(AnalysisError, match=r"heads of \(6,\) classes .*, got \(2, 3\)"):
        Candidate(name="c", approach="separate", networks=networks, layout=WHOLE)
    swapped, half = HeadLayout((2, 3), ((1,), (0,))), HeadLayout((2, 3), ((0,),))
    with pytest.raises(AnalysisError, match=r"heads of \(3, 2\) classes .*, got \(2, 3\)"):
        Candidate(name="c", approach="separate", networks=networks, layout=swapped)
    with pytest.raises(AnalysisError, match="decide every attribute"):
        Candidate(name="c", approach="half", networks=networks[:1], layout=half)


def test_networks_of_blocks_out_of_order_make_the_joint_classes_of_the_data(world):
    rng, _, _ = world
    sizes = (3, 2, 3)
    y = rng.integers(0, 18, 24)
    first, second, third = attribute_classes(y, sizes).T
    networks = tuple(
        StoredNetwork(configs=(name,), heads=((output(rng, labels, size, 1.0),),))
        for name, labels, size in (("outer", 3 * first + third, 9), ("inner", second, 2))
    )
    layout = HeadLayout(sizes, ((0, 2), (1,)))
    one = Candidate(name="c", approach="outer | inner", networks=networks, layout=layout)
    outer, inner = (network.heads[0][0] for network in networks)
    expected = np.einsum("nac,nb->nabc", outer.reshape(24, 3, 3), inner).reshape(24, 18)
    found = one.probs(("outer", "inner"), ((1.0,), (1.0,)), ALL, mirrored=False)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    predicted = one.predicted(-1, ALL, mirrored=False)
    np.testing.assert_array_equal(predicted, expected.argmax(axis=1))


def test_candidates_must_differ_in_name_and_agree_in_samples_and_classes(world):
    rng, y, g = world
    people = people_of(y, g)
    one = joint(rng, y, 1.0, "a")
    check_candidates([one, separate(rng, y, 1.0, "s")], people)
    with pytest.raises(AnalysisError, match="candidates of different names"):
        check_candidates([one, one], people)
    with pytest.raises(AnalysisError, match="candidates of different names"):
        check_candidates([], people)
    with pytest.raises(AnalysisError, match=r"'a\.0' has 24 samples and 6 classes"):
        check_candidates([one], people_of(y[:-1], g[:-1]))
    twice, layout = (one.networks[0], one.networks[0]), HeadLayout((6, 6), ((0,), (1,)))
    odd = Candidate(name="odd", approach="joint", networks=twice, layout=layout)
    with pytest.raises(AnalysisError, match="'odd' has 24 samples and 36 classes"):
        check_candidates([one, odd], people)
