import json
from dataclasses import replace

import pytest

from search.analysis.verdict.baselines import Baseline
from search.analysis.verdict.outcomes import PairVerdict
from search.analysis.verdict.rules import (
    Caveat,
)
from search.report.document import Text
from search.report.sections.headline import claims, difference_section, score_section
from tests.search.builders.example import ONE_SEED, contents, effect, pair
from tests.search.builders.looks import pair_with

SLOTS = {"joint": 0, "separate": 1, "multihead": 2}


def claim(**figures):
    (found,) = claims(contents({"pairs": [pair(**figures)]}))
    return replace(found, text=found.text.replace("\N{NO-BREAK SPACE}", " "))


def test_a_win_names_the_winner_first_whichever_side_it_was_on():
    assert claim().text == "joint beats separate: +0.020 [+0.010, +0.030]"
    lost = claim(difference=-0.02, verdict="b_wins")
    assert (lost.outcome, lost.text) == ("win", "separate beats joint: +0.020 [+0.010, +0.030]")


def test_equivalence_says_within_what():
    found = claim(difference=0.001, half=0.002, verdict="equivalent")
    assert found.outcome == "equivalent"
    assert found.text.startswith(
        "joint and separate are equivalent within ±0.005: +0.0010 [−0.0010, +0.0030]"  # noqa: RUF001
    )


@pytest.mark.parametrize(
    ("decide", "said"),
    [
        ({"people": 5400, "seeds": None}, "Likely decided by 5,400 people,"),
        ({"people": 5400, "seeds": 6}, "by 5,400 people or 6 training seeds,"),
        ({"people": 5400, "seeds": 6, "together": True}, "by 5,400 people and 6 training seeds,"),
    ],
)
def test_an_undecided_pair_says_what_would_decide_it(decide, said):
    assert said in claim(verdict="undecided", would_decide=decide).note


def test_scores_that_mean_nothing_make_no_claim():
    found = contents()
    guessing = (Baseline(name="prior", value=0.99),)
    assert claims(found)
    guesses = replace(found, verdict=replace(found.verdict, baselines=guessing))
    assert claims(guesses) == ()
    section = difference_section(guesses)
    assert section.heading.endswith("no difference means anything yet")
    assert {row[1].text for row in section.blocks[1].rows} == {"means nothing yet"}
    assert not [b for b in section.blocks if isinstance(b, Text)]  # nothing is bold


def test_the_p_of_an_earlier_look_says_of_how_many_seeds_it_is():
    """An approach that trained on for another pair has more seeds than this pair's last look."""
    found = contents()
    figures = replace(found.verdict.pairs[0].headline, num_seeds=pair_with(seeds=6).num_seeds)
    for seeds, said in ((2, "0.030 (at 2 seeds)"), (6, "0.030"), (None, "0.030")):
        judged = replace(found.verdict.pairs[0], headline=figures, look_seeds=seeds)
        section = difference_section(
            replace(found, verdict=replace(found.verdict, pairs=(judged,)))
        )
        assert section.blocks[1].rows[0][-1].text == said
        assert judged.p_said == said
        turned = replace(judged, headline=figures.negated())
        assert turned.p_said == said
        assert PairVerdict.from_dict(json.loads(json.dumps(judged.to_dict()))).p_said == said


def test_a_pair_of_one_seed_says_that_two_would_be_the_least():
    assert "luck of training: there is no verdict before two." in claim(**ONE_SEED).note


def test_two_seeds_that_would_decide_are_not_taken_for_one_seed():
    decide = {"people": None, "seeds": 2}
    note = claim(verdict="undecided", would_decide=decide).note
    assert note == "Likely decided by 2 training seeds, were this the true difference."


def test_an_undecided_pair_without_a_way_out_says_nothing_of_it():
    assert claim(verdict="undecided", would_decide={"people": None, "seeds": None}).note == ""


def test_doubts_stand_beside_the_verdict():
    biases = {
        "with_decision_rule": pair(difference=-0.01, verdict="b_wins"),
        "decision_rule_effect": effect(-0.03),
    }
    said = "With post-hoc class biases the verdict is another one: separate wins."
    assert said in claim(**biases, verdict="undecided").note
    found = claim(
        **biases,
        parts={"chose_nothing": pair(difference=-0.01), "chose": None},
        verdict="undecided",
        note=Caveat.CHOSEN_BY.value,
    )
    assert "The lead comes from the people the search chose by: on all others" in found.note
    assert said not in found.note  # nor is it the biases that keep the lead from winning


def test_biases_that_may_change_nothing_are_no_doubt():
    rule = pair(difference=-0.01, verdict="b_wins")
    for changes in ({}, {"decision_rule_effect": effect(-0.003)}):
        assert claim(with_decision_rule=rule, **changes).note == ""


def test_wins_come_before_equivalence_and_what_is_undecided():
    verdicts = ("undecided", "equivalent", "a_wins")
    found = contents({"pairs": [pair(a=name, verdict=name) for name in verdicts]})
    assert [row.outcome for row in claims(found)] == ["win", "equivalent", "open"]


def test_the_table_of_scores_has_the_best_first_and_no_empty_column():
    section = score_section(contents(), SLOTS)
    table = section.blocks[0]
    assert table.columns[:4] == ("approach", "macro-F1", "95 % interval", "with class biases")
    assert table.columns[4:] == ("seeds averaged", "each seed")
    assert [row[0].text for row in table.rows] == ["joint", "separate"]
    assert section.heading == "joint scores highest, 0.760; all lie within 0.020"
    bare = score_section(contents({"scores": {"joint": effect(0.5)}}), SLOTS)
    assert bare.blocks[0].columns == ("approach", "macro-F1", "95 % interval")
    assert bare.heading == "joint scores 0.500"


def test_the_forest_shows_the_parts_of_every_pair():
    section = difference_section(contents())
    figure, table, bold = section.blocks
    for name in ("joint − separate", "with class biases", "people who chose nothing"):  # noqa: RUF001
        assert name in figure.svg
        assert name in figure.narrow
    assert "±0.005" in figure.caption
    assert table.columns[4:] == ("people who chose nothing", "confidence", "p (Shaffer)")
    cells = [cell if isinstance(cell, str) else cell.text for cell in table.rows[0]]
    assert cells[1:3] == ["joint wins", "+0.0200"]
    assert bold.text == "Bold, in the tables of pairs: what is decided."
    untouched = contents().pairs[0].chose_nothing.difference.value
    assert cells[4:] == [f"{untouched:+.4f}", "0.980", "0.030"]


@pytest.mark.parametrize(
    ("verdicts", "heading"),
    [
        (["undecided"], "This data does not decide"),
        (["undecided", "undecided"], "No pair is decided by this data"),
        (["a_wins", "undecided"], "joint beats separate; 1 pair is not decided"),
        (["equivalent"], "joint and separate are equivalent"),
    ],
)
def test_the_heading_says_what_is_known(verdicts, heading):
    pairs = [pair(verdict=verdict) for verdict in verdicts]
    assert difference_section(contents({"pairs": pairs})).heading == heading


def test_without_a_verdict_there_is_nothing_to_say():
    empty = contents({})
    assert score_section(empty, SLOTS) is None
    assert difference_section(empty) is None


def test_with_one_seed_a_lead_over_people_is_said_and_not_called_noise():
    ahead = claim(difference=-0.1, half=0.05, **ONE_SEED)
    assert ahead.text == "separate against joint is not decided: +0.100 [+0.050, +0.150]"
    assert ahead.note.startswith("separate is ahead over people. One training seed cannot tell")
    level = claim(difference=0.01, half=0.05, **ONE_SEED)
    assert level.note.startswith("One training seed cannot tell the luck of training")


def test_with_one_seed_every_interval_is_said_to_be_over_people_alone():
    found = contents({"scores": {"joint": effect(0.5)}, "pairs": [pair(**ONE_SEED)]})
    section = difference_section(found)
    assert section.heading == "One training seed cannot tell the luck of training"
    assert "over people alone" in section.blocks[0].caption
    assert "over people alone" in score_section(found, SLOTS).blocks[1].text


def test_with_several_seeds_nothing_is_said_of_people_alone():
    assert "people alone" not in difference_section(contents()).blocks[0].caption
    assert score_section(contents(), SLOTS).blocks[1].text.startswith("Bold: what the verdict")
    assert "people alone" not in score_section(contents(), SLOTS).blocks[1].text
