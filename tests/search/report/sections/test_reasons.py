from search.analysis.reasons.reason import MEANINGS, MECHANISMS
from search.report.document import Folded, Grid, Items, Text
from search.report.sections.reasons import groups, reason_section
from tests.search.builders.example import (
    ONE_SEED,
    PAIR,
    REASONS,
    contents,
    effect,
    pair,
    reason,
    typed,
)

SLOTS = {"joint": 0, "separate": 1}


def section(*reasons):
    return reason_section(contents({"reasons": list(reasons)}), SLOTS)


def described(name, sentence):
    return reason("overtuning", {"gap": 0.1}, (name,), sentence)


def test_parts_of_one_difference_and_descriptions_of_one_kind_share_a_plot():
    rows = [
        reason("attribution.age", {}, ("a", "b"), effect=effect(0.1)),
        reason("attribution.mask", {}, ("a", "b"), effect=effect(0.1)),
        reason("attribution.age", {}, ("a", "c"), effect=effect(0.1)),
        reason("scores_by_state.age", {}, ("a",)),
        reason("scores_by_state.mask", {}, ("a",)),
        reason("scores_by_state.age", {}, ("b",)),
    ]
    found = groups(typed(*rows))
    assert [len(group) for group in found] == [2, 1, 2, 1]


def test_supported_reasons_come_first_and_unsupported_ones_are_folded():
    weak = reason("class_size", {}, PAIR, "Weak.", effect(0.0), supported=False)
    found = section(weak, REASONS["error_budget"], REASONS["decision_rule"])
    first, caution, _, second, folded = found.blocks
    assert first.cards[0].heading.startswith("Class biases help joint more")
    assert caution == Text(text=caution.text, quiet=True)
    assert "2 effects tested" in caution.text
    assert second.cards[0].heading.startswith("Age costs joint most")
    assert isinstance(folded, Folded)
    assert folded.summary.startswith("1 possible reason looked at")
    assert folded.blocks[1].items == ("Weak.",)
    assert found.heading == "1 mechanism supported by this data"


def test_where_nothing_is_supported_the_heading_says_so():
    weak = reason("class_size", {}, PAIR, "Weak.", effect(0.0), supported=False)
    assert section(weak).heading == "No mechanism that was tested explains a difference"
    assert section(REASONS["error_budget"]).heading == "What the errors look like"
    assert reason_section(contents({}), SLOTS) is None


def test_the_best_approach_is_described_and_the_others_on_request():
    verdict = {
        "scores": {"a": effect(0.5), "b": effect(0.9)},
        "reasons": [described("a", "Of a."), described("b", "Of b.")],
    }
    found = reason_section(contents(verdict), {"a": 0, "b": 1})
    (grid,) = [block for block in found.blocks if isinstance(block, Grid)]
    assert grid.cards[0].sentences == ("Of b.",)
    assert grid.cards[0].more == ("Of a.",)


def test_parts_without_support_are_in_the_plot_but_not_in_words():
    rows = [
        reason("attribution.age", {}, PAIR, "Strong.", effect(0.1)),
        reason("attribution.mask", {}, PAIR, "Weak.", effect(0.0), supported=False),
    ]
    card = section(*rows).blocks[0].cards[0]
    assert card.sentences == ("Strong.",)
    assert "mask" in card.figure.svg


def test_a_mechanism_is_named_in_plain_words():
    row = reason(
        "decision_rule", {"gain": {"joint": 0.1, "separate": 0.0}}, PAIR, "S.", effect(0.1)
    )
    card = section({**row, "mechanism": "M5"}).blocks[0].cards[0]
    assert card.tag == "decision rule"


def test_with_one_seed_effects_are_said_to_hold_for_these_models():
    def caution(**more):
        values = {"reasons": [REASONS["attribution"]], "pairs": [pair(**more)]}
        found = reason_section(contents(values), SLOTS).blocks
        return next(block.text for block in found if isinstance(block, Text))

    assert "With one training seed" not in caution()
    assert caution(**ONE_SEED).endswith(
        "With one training seed they hold for these very models, not for the approach."
    )


def test_effects_that_were_tested_together_say_so_and_a_doubt_follows_its_sentence():
    doubted = reason(
        "class_size", {}, PAIR, "The rare gain.", effect(0.1), doubt="Not supported: why."
    )
    tested = {**REASONS["attribution"], "p_adjusted": 0.01}
    blocks = section({**doubted, "p_adjusted": 0.2}, tested).blocks
    (caution,) = (block.text for block in blocks if isinstance(block, Text))
    assert caution == (
        "2 effects looked at; those of decided pairs were tested together within 5 % (Holm), "
        "those of other pairs were not tested."
    )
    (folded,) = (block for block in blocks if isinstance(block, Folded))
    (items,) = (block for block in folded.blocks if isinstance(block, Items))
    assert items.items == ("The rare gain. Not supported: why.",)
    (grid,) = (block for block in blocks if isinstance(block, Grid))
    assert len(grid.cards) == 1


def test_the_mechanisms_that_are_named_are_explained_below_them():
    rows = [
        {**REASONS["error_overlap"], "mechanism": "M7"},
        {**REASONS["attribution"], "mechanism": "M1"},
    ]
    found = section(*rows)
    (told,) = [
        b.text for b in found.blocks if isinstance(b, Text) and "The mechanism below" in b.text
    ]
    assert "Tuning per attribute: a network of its own" in told
    assert told.index("per attribute") < told.index("ensembling: ")
    assert "label noise" not in told
    assert {
        card.tag for block in found.blocks if isinstance(block, Grid) for card in block.cards
    } == {
        "tuning per attribute",
        "ensembling",
    }
    assert set(MEANINGS) == set(MECHANISMS)


def test_where_no_mechanism_is_named_none_is_explained():
    blocks = section(REASONS["error_budget"]).blocks
    assert not [b for b in blocks if isinstance(b, Text) and "The mechanism below" in b.text]
