import numpy as np
import pytest

from search.analysis.approaches.build import Model, build, choose
from search.analysis.errors import AnalysisError
from search.analysis.fitting.calibration import Method, fit_calibration
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.metrics import macro_f1
from search.analysis.recombine import HeadLayout, attribute_classes, recombine
from tests.search.builders.labelled_people import people_of
from tests.search.builders.one_model import build_one

SIZES = (3, 2, 3)


def _probs(rng, *shape):
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1])


def _plan(num, num_folds=4, held=0):
    index = np.arange(num)
    return CrossFit.of_people(index % num_folds, index, index >= num - held)


def _people(y, num_classes):
    return people_of(y, np.arange(len(y)), num_classes)


def _config(rng, y, num_classes, accuracy, num_seeds=2):
    """Probabilities of a config that is right with the given probability."""
    right = rng.random((num_seeds, len(y))) < accuracy
    predicted = np.where(right, y, rng.integers(0, num_classes, right.shape))
    return 0.9 * np.eye(num_classes)[predicted] + 0.1 / num_classes


def _model(key, configs, *covers, sizes=SIZES):
    """Configs with the probabilities of each head, whose attributes are at `covers`."""
    return Model(key=key, heads=configs, layout=HeadLayout(sizes, covers))


def _calibrated(head, labels, cross_fit):
    """Probabilities [S, N, K], each round's calibrated on its own fit people, one by one."""
    found = np.empty_like(head)
    for fit, apply in cross_fit.rounds():
        for seed, probs in enumerate(head):
            calibration = fit_calibration(probs[fit], labels[fit], Method.TEMPERATURE)
            found[seed, apply] = calibration.apply(probs[apply])
    return found


def _models(rng, y, approach, accuracy=0.6):
    """The models of an approach with three random configs each."""
    blocks = {
        "separate": {"mask": ((0,),), "gender": ((1,),), "age": ((2,),)},
        "joint": {"joint": ((0, 1, 2),)},
        "multihead": {"multihead": ((0,), (1,), (2,))},
        "mask+age | gender": {"mask+age": ((0, 2),), "gender": ((1,),)},
        "heads of mask and age | gender": {"both": ((0,), (2,)), "gender": ((1,),)},
    }
    found = []
    for key, covers in blocks[approach].items():
        layout = HeadLayout(SIZES, covers)
        heads = list(zip(layout.head_labels(y), layout.head_sizes, strict=True))
        configs = {
            str(i): [_config(rng, label, size, accuracy) for label, size in heads]
            for i in range(3)
        }
        found.append(Model(key=key, heads=configs, layout=layout))
    return found


def test_the_config_of_a_fold_is_the_best_on_the_other_folds():
    """Config `late` is perfect in fold 0 and useless elsewhere: fold 0 must not get it."""
    y, fold = np.tile([0, 1], 20), np.arange(40) % 4
    perfect, wrong = np.eye(2)[y], np.eye(2)[1 - y]
    useless = np.where((fold == 0)[:, None], perfect, wrong)
    decent = np.where((np.arange(40) < 30)[:, None], perfect, wrong)
    cross_fit = _plan(40)
    chosen = choose({"late": useless[None], "decent": decent[None]}, y, cross_fit)
    assert chosen.by_round == ("decent",) * 4
    flipped = {
        "late": np.where((fold == 0)[:, None], wrong, perfect)[None],
        "decent": decent[None],
    }
    assert (
        choose(flipped, y, cross_fit).by_round[0] == "late"
    )  # best on the others, useless on its own


def test_the_mean_over_seeds_decides_and_ties_go_to_the_first():
    y = np.tile([0, 1], 10)
    perfect, wrong = np.eye(2)[y], np.eye(2)[1 - y]
    split, other = np.stack([perfect, wrong]), np.stack([wrong, perfect])
    sure = np.stack([perfect, perfect])
    assert choose({"a": split, "b": other}, y, _plan(20)).by_round == ("a",) * 4
    assert choose({"a": split, "b": sure}, y, _plan(20)).by_round == ("b",) * 4


def test_held_out_people_get_the_config_search_people_chose():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    configs = {"good": _config(rng, y, 3, 0.8), "bad": _config(rng, y, 3, 0.2)}
    cross_fit = _plan(200, held=60)
    configs["bad"][:, cross_fit.held_out] = np.eye(3)[
        y[cross_fit.held_out]
    ]  # perfect where nobody may look
    built = build_one("joint", configs, _people(y, 3), cross_fit)
    assert built.choices["joint"].by_round == ("good",) * 5
    assert built.probs == pytest.approx(configs["good"])


@pytest.mark.parametrize(
    "approach",
    ["separate", "joint", "multihead", "mask+age | gender", "heads of mask and age | gender"],
)
def test_no_label_of_a_fold_decides_about_that_fold(approach):
    rng = np.random.default_rng(1)
    y = rng.integers(0, 18, 240)
    cross_fit = _plan(240, held=40)
    models = _models(rng, y, approach)
    built = build(approach, models, _people(y, 18), cross_fit)
    for _, apply in cross_fit.rounds():
        wrong = _people(np.where(apply, (y + 1) % 18, y), 18)
        poisoned = build(approach, models, wrong, cross_fit)
        assert np.array_equal(poisoned.probs[:, apply], built.probs[:, apply])
        assert np.array_equal(poisoned.with_rule[:, apply], built.with_rule[:, apply])


def test_separate_is_the_calibrated_product_of_the_best_config_of_each_attribute():
    rng = np.random.default_rng(2)
    y = rng.integers(0, 18, 300)
    labels = attribute_classes(y, SIZES)
    good = [_config(rng, labels[:, axis], size, 0.9) for axis, size in enumerate(SIZES)]
    bad = [_config(rng, labels[:, axis], size, 0.4) for axis, size in enumerate(SIZES)]
    models = [
        _model("mask", {"m1": [good[0]], "m2": [bad[0]]}, (0,)),
        _model("gender", {"g1": [bad[1]], "g2": [good[1]]}, (1,)),
        _model("age", {"a1": [bad[2]], "a2": [good[2]]}, (2,)),
    ]
    cross_fit = _plan(300)
    built = build("separate", models, _people(y, 18), cross_fit)
    names = [set(choice.by_round) for choice in built.choices.values()]
    assert names == [{"m1"}, {"g2"}, {"a2"}]
    expected = recombine(
        [_calibrated(head, labels[:, axis], cross_fit) for axis, head in enumerate(good)]
    )
    assert built.probs == pytest.approx(expected)


def test_multihead_chooses_one_config_for_all_heads_by_the_joint_score():
    rng = np.random.default_rng(3)
    y = rng.integers(0, 18, 300)
    labels = attribute_classes(y, SIZES)
    even = [_config(rng, labels[:, axis], size, 0.8) for axis, size in enumerate(SIZES)]
    uneven = [
        _config(rng, labels[:, axis], size, accuracy)
        for axis, (size, accuracy) in enumerate(zip(SIZES, (0.99, 0.1, 0.8), strict=True))
    ]
    model = _model("multihead", {"even": even, "uneven": uneven}, (0,), (1,), (2,))
    built = build("multihead", [model], _people(y, 18), _plan(300))
    assert set(built.choices["multihead"].by_round) == {"even"}
    expected = recombine(even).argmax(axis=-1)
    assert np.array_equal(built.probs.argmax(axis=-1), expected)  # temperature moves no class


def test_blocks_out_of_order_are_multiplied_in_the_order_of_the_data():
    """(mask, age) by one softmax beside gender, which lies between them in the joint class."""
    rng = np.random.default_rng(6)
    y = rng.integers(0, 18, 300)
    mask, gender, age = attribute_classes(y, SIZES).T
    both, alone = _config(rng, 3 * mask + age, 9, 0.7), _config(rng, gender, 2, 0.8)
    cross_fit = _plan(300, held=60)
    models = [
        _model("mask+age", {"x": [both]}, (0, 2)),
        _model("gender", {"x": [alone]}, (1,)),
    ]
    built = build("mask+age | gender", models, _people(y, 18), cross_fit)
    cube = _calibrated(both, 3 * mask + age, cross_fit).reshape(2, 300, 3, 3)
    expected = np.einsum("snma,sng->snmga", cube, _calibrated(alone, gender, cross_fit))
    assert built.probs == pytest.approx(expected.reshape(2, 300, 18))
    swapped = build("gender | mask+age", models[::-1], _people(y, 18), cross_fit)
    assert swapped.probs == pytest.approx(built.probs)
    assert np.array_equal(swapped.with_rule, built.with_rule)


def test_a_block_is_chosen_by_the_label_of_its_own_attributes():
    """The good config of a block knows nothing of the attribute that another model decides."""
    rng = np.random.default_rng(7)
    y = rng.integers(0, 18, 300)
    mask, gender, age = attribute_classes(y, SIZES).T
    heads = {
        "even": [_config(rng, mask, 3, 0.8), _config(rng, age, 3, 0.8)],
        "uneven": [_config(rng, mask, 3, 0.99), _config(rng, age, 3, 0.1)],
    }
    softmax = {
        "useless": [_config(rng, 3 * mask + age, 9, 0.2)],
        "good": [_config(rng, 3 * mask + age, 9, 0.9)],
    }
    other = _model("gender", {"x": [_config(rng, gender, 2, 0.9)]}, (1,))
    for name, model in (
        ("even", _model("both", heads, (0,), (2,))),
        ("good", _model("both", softmax, (0, 2))),
    ):
        built = build("both | gender", [model, other], _people(y, 18), _plan(300))
        assert set(built.choices["both"].by_round) == {name}
        assert [target.people.num_classes for target in built.targets] == [9, 2]
        assert np.array_equal(built.targets[0].people.label, 3 * mask + age)


def test_perfect_blocks_in_any_order_predict_every_class():
    y = np.arange(36) % 18
    mask, gender, age = attribute_classes(y, SIZES).T
    models = [
        _model("age", {"x": [np.eye(3)[age][None]]}, (2,)),
        _model("mask+gender", {"x": [np.eye(6)[2 * mask + gender][None]]}, (0, 1)),
    ]
    built = build("age | mask+gender", models, _people(y, 18), _plan(36))
    assert np.array_equal(built.probs.argmax(axis=-1), y[None])


def test_joint_keeps_the_probabilities_of_the_chosen_config():
    rng = np.random.default_rng(4)
    y = rng.integers(0, 4, 100)
    configs = {"x": _config(rng, y, 4, 0.3), "y": _config(rng, y, 4, 0.9)}
    built = build_one("joint", configs, _people(y, 4), _plan(100))
    assert built.probs == pytest.approx(configs["y"])


def test_an_approach_for_the_verdict_has_its_rule_and_the_luck_of_its_choice():
    rng = np.random.default_rng(5)
    y = rng.integers(0, 4, 200)
    configs = {str(i): _config(rng, y, 4, 0.6) for i in range(3)}
    cross_fit = _plan(200)
    built = build_one("joint", configs, _people(y, 4), cross_fit)
    approach = built.approach(cross_fit, num_resamples=50)
    assert approach.with_rule.shape == approach.predicted.shape == (2, 200)
    assert approach.choice_variance > 0
    assert approach.log_choice_variance > 0
    assert approach.probs == pytest.approx(built.probs)
    single = build_one("joint", {"0": configs["0"]}, _people(y, 4), cross_fit)
    alone = single.approach(cross_fit)
    assert alone.choice_variance == alone.log_choice_variance == 0


@pytest.mark.parametrize(("approach", "networks"), [("separate", 3), ("multihead", 1)])
def test_an_approach_serves_with_a_network_a_model(approach, networks):
    rng = np.random.default_rng(1)
    y = rng.integers(0, 18, 240)
    cross_fit = _plan(240)
    built = build(approach, _models(rng, y, approach), _people(y, 18), cross_fit)
    assert built.num_networks == networks
    assert built.approach(cross_fit, num_resamples=10).num_networks == networks


def test_configs_that_differ_in_sharpness_alone_leave_no_luck_to_the_choice_by_log_score():
    """A temperature for every config: else its sharpness would pass for its quality."""
    rng = np.random.default_rng(5)
    y = rng.integers(0, 4, 200)
    logs = np.log(_config(rng, y, 4, 0.6))
    sharp = np.exp(4 * logs) / np.exp(4 * logs).sum(axis=-1, keepdims=True)
    built = build_one("joint", {"0": np.exp(logs), "1": sharp}, _people(y, 4), _plan(200))
    (target,) = built.targets
    assert target.log_probs[0] == pytest.approx(target.log_probs[1], abs=0.02)


def test_the_best_of_many_useless_configs_looks_good_only_where_it_was_chosen():
    """The planted leak: labels are random, so every honest score is that of chance."""
    leaked, honest = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        y = rng.integers(0, 4, 120)
        configs = {str(i): _probs(rng, 1, 120, 4) for i in range(64)}
        leaked.append(max(macro_f1(y, probs[0].argmax(axis=-1), 4) for probs in configs.values()))
        built = build_one("joint", configs, _people(y, 4), _plan(120))
        honest.append(macro_f1(y, built.probs[0].argmax(axis=-1), 4))
    assert np.mean(leaked) > 0.33
    assert np.mean(honest) == pytest.approx(0.25, abs=0.025)


def test_input_that_does_not_fit_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(AnalysisError, match=r"of one shape, got \{'a': \(1, 8, 2\), 'b': \(1, 8"):
        choose({"a": _probs(rng, 1, 8, 2), "b": _probs(rng, 1, 8, 3)}, np.zeros(8, int), _plan(8))
    with pytest.raises(AnalysisError, match=r"of one shape, got \{\}"):
        choose({}, np.zeros(8, int), _plan(8))
    y, sizes = np.zeros(8, int), (2, 2)
    one, more = {"x": [_probs(rng, 1, 8, 2)]}, {"x": [_probs(rng, 2, 8, 2)]}
    first = _model("a", one, (0,), sizes=sizes)
    with pytest.raises(AnalysisError, match=r"got \[seeds, samples\] .* 'b': \(2, 8\)"):
        build("two", [first, _model("b", more, (1,), sizes=sizes)], _people(y, 4), _plan(8))
    with pytest.raises(AnalysisError, match=r"'two' must decide all 2 attributes, got .* \(0,\)"):
        build("two", [first], _people(y, 4), _plan(8))
    with pytest.raises(AnalysisError, match="heads need different attributes"):
        build("two", [first, _model("b", one, (0,), sizes=sizes)], _people(y, 4), _plan(8))
