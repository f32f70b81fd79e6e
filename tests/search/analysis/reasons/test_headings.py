import pytest

from search.analysis.reasons.of_attributes import ScoresByState, StateScore
from search.analysis.reasons.reason import Reason
from tests.search.builders.example import PAIR, REASONS, effect, reason, typed


def said(*reasons):
    found = typed(*reasons)
    return found[0].figures.heading(found)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("attribution", "joint gains on separate through age"),
        ("class_size", "joint gains on separate in the rare classes"),
        ("decision_rule", "Class biases help joint more: part of its gap is where thresholds lie"),
        ("error_overlap", "joint and separate disagree on 20 % of the photos"),
        ("error_budget", "Age costs joint most: perfect it would be worth 0.20"),
        ("boundary", "Where joint errs on age"),
        ("scores_by_state", "Age is hardest where mask is 미착용"),
        ("calibration", "Probabilities are off by 3.0 % on average"),
        ("overtuning", "The search flattered joint most: +0.010 against fresh folds"),
        ("learning_curve", "Fewer people favour joint over separate"),
        ("equal_parameters", "Averaging joint models is worth +0.030"),
        ("gradient_conflict", "Gender and age pull the shared weights apart: cosine −0.12"),  # noqa: RUF001
    ],
)
def test_a_heading_says_the_finding(kind, text):
    assert said(REASONS[kind]).replace("\N{NO-BREAK SPACE}", " ") == text


def test_the_largest_supported_part_names_the_difference_and_its_sign_the_winner():
    age = reason("attribution.age", {}, PAIR, effect=effect(0.01))
    coupling = reason("attribution.coupling", {}, PAIR, effect=effect(-0.05))
    assert said(age, coupling) == "separate gains on joint by getting attributes right together"
    weak = reason("attribution.age", {}, PAIR, effect=effect(0.0), supported=False)
    assert said(weak) == "joint against separate: no attribute stands out"


def test_unsupported_effects_are_not_said_to_be_there():
    size = reason("class_size", {}, PAIR, effect=effect(0.0), supported=False)
    assert said(size) == "joint against separate: no trend with class size"
    rule = reason("decision_rule", {}, PAIR, effect=effect(0.0), supported=False)
    assert said(rule) == "Class biases change joint and separate alike"
    common = reason("class_size", {"halves": [0.01, 0.1]}, PAIR, effect=effect(-0.1))
    assert said(common) == "joint gains on separate in the common classes"
    lost = reason("class_size", {"halves": [-0.3, -0.1]}, PAIR, effect=effect(-0.1))
    assert said(lost) == "separate gains on joint in the rare classes"


def test_several_approaches_give_a_range():
    overlaps = [reason("error_overlap", {"disagreement": d}, PAIR) for d in (0.1, 0.2)]
    text = said(*overlaps).replace("\N{NO-BREAK SPACE}", " ")
    assert text == "Two approaches disagree on 10 % to 20 % of the photos"


def test_the_approach_that_is_told_in_words_makes_the_heading():
    costs = {"joint": {"age": 0.2, "mask": 0.1}, "separate": {"age": 0.0, "mask": 0.9}}
    budgets = [reason("error_budget", {"cost": cost}, (name,)) for name, cost in costs.items()]
    assert said(*budgets).startswith("Age costs joint most")
    assert said(*reversed(budgets)).startswith("Mask costs separate most")


def test_a_search_that_flattered_nobody_is_said_to_be_honest():
    assert said(reason("overtuning", {"gap": -0.01})) == (
        "The search did not flatter the configs that it chose"
    )


def test_an_attribute_alone_has_no_states():
    assert said(reason("scores_by_state.age", {"attribute": "age", "states": {}})) == (
        "Age stands alone"
    )


def test_a_gap_that_may_be_luck_does_not_flatter():
    rows = [
        reason("overtuning", {"gap": 0.3, "interval": [-0.1, 0.7]}, ("joint",)),
        reason("overtuning", {"gap": 0.1, "interval": [0.05, 0.15]}, ("separate",)),
    ]
    assert said(*rows) == "The search flattered separate most: +0.100 against fresh folds"
    assert said(rows[0]) == "No sign that the search flattered the configs that it chose"


def cosines(**ranges):
    cells = {
        pair.replace("_", "|"): {"value": (low + high) / 2, "range": [low, high]}
        for pair, (low, high) in ranges.items()
    }
    return said(reason("gradient_conflict", {"cosine": cells}, ("multihead",)))


def test_the_pair_of_heads_with_the_least_cosine_is_named():
    assert cosines(mask_age=(0.2, 0.4), gender_age=(0.1, 0.2)) == (
        "No heads pull the shared weights apart: least cosine +0.15"
    )
    assert cosines(mask_age=(0.2, 0.4), gender_age=(-0.1, 0.3)) == (
        "Gender and age agree least on the shared weights: cosine +0.10"
    )
    assert cosines(gender_age=(-0.1, 0.3)) == (
        "Gender and age pull neither together nor apart: cosine +0.10"
    )


@pytest.mark.parametrize(
    ("key", "size", "text"),
    [
        ("shared_config", 0.02, "Tuning per attribute is worth +0.020 to separate models"),
        ("label_noise", -0.02, "Wrong labels favour separate over joint"),
        ("sampler", 0.02, "Balanced classes favour joint over separate"),
    ],
)
def test_a_controlled_training_says_what_it_favours(key, size, text):
    assert said(reason(key, {}, PAIR, effect=effect(size))) == text


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("shared_config", "One shared config: tuning per attribute makes no clear difference"),
        ("equal_parameters", "Equal parameters: averaging joint models makes no clear difference"),
        ("learning_curve", "Fewer people favour none of the approaches clearly"),
        ("label_noise", "Wrong labels favour none of the approaches clearly"),
        ("sampler", "Balanced classes favour none of the approaches clearly"),
    ],
)
@pytest.mark.parametrize("found", [None, effect(0.001)])
def test_a_controlled_training_without_support_says_so(key, text, found):
    assert said({**reason(key, {}, PAIR, effect=found), "supported": False}) == text


def test_states_that_are_alike_are_the_hardest_together():
    states = {"mask": {"on": 0.5001, "off": 0.9}, "gender": {"f": 0.5004, "m": 0.7}}
    figures = ScoresByState(
        attribute="age",
        states={
            other: {name: StateScore(macro_f1=score, samples=9) for name, score in rows.items()}
            for other, rows in states.items()
        },
    )
    reason = Reason(
        key="scores_by_state.age", mechanism="", about=("a",), sentence=".", figures=figures
    )
    assert reason.heading == "Age is hardest where mask is on or gender is f"
