from dataclasses import replace

from search.report.document import Text
from search.report.sections.searches import importance_section, search_section
from tests.search.builders.example import contents, parts

SLOTS = {"joint": 0, "separate": 1}


def test_the_leader_of_the_search_is_told_with_what_the_refit_says_of_it():
    section = search_section(contents(), SLOTS)
    assert (
        section.heading
        == "joint scored highest at the end of the search, 0.700; trained again it scores 0.760"
    )
    assert "partly luck" in section.blocks[0].text
    curves = tuple(
        replace(each, values=(0.9,) * len(each.values)) for each in parts()["curves"][1:]
    )
    other = search_section(contents(curves=(parts()["curves"][0], *curves)), SLOTS)
    assert other.heading == (
        "separate scored highest at the end of the search, 0.900; trained again it scores 0.740, "
        "and joint 0.760"
    )


def test_without_a_refit_the_leader_at_the_end_is_the_heading():
    section = search_section(contents(verdict=None), SLOTS)
    assert section.heading.replace("\N{NO-BREAK SPACE}", " ") == (
        "At the end of the search joint had the highest score, 0.700, after 10 min of device time"
    )
    assert not any(isinstance(block, Text) for block in section.blocks)
    alone = search_section(contents(verdict=None, curves=parts()["curves"][1:]), SLOTS)
    assert alone.heading.startswith("separate reached 0.600")


def test_a_space_is_shown_with_its_approach_and_what_happened():
    *_, table = search_section(contents(), SLOTS).blocks
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert (row["space"].text, row["space"].slot) == ("age (separate)", 1)
    assert [row[name].text for name in ("trials", "failed", "cut off")] == ["24", "1", "1"]
    assert row["95 % interval"].text == "[0.800, 0.860]"


def test_the_chosen_config_stands_beside_the_highest_score():
    (summary,) = parts()["searches"]
    plain = search_section(contents(curves=()), SLOTS).blocks[0]
    assert "chosen config" in plain.columns
    assert "highest score" not in plain.columns
    other = replace(summary, best=0.8, leader=0.85, chose_default=True)
    (table,) = search_section(contents(curves=(), searches=(other,)), SLOTS).blocks
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert (row["chosen config"].text, row["highest score"].text) == ("0.800", "0.850")


def test_configs_of_other_runs_are_told_and_whether_one_was_chosen():
    (summary,) = parts()["searches"]
    origins = tuple(f"age trial {number} of one" for number in range(9))
    warm = replace(summary, origins=origins, chosen_origin=origins[1])
    told, _ = search_section(contents(curves=(), searches=(warm,)), SLOTS).blocks
    assert told.text.startswith(
        "age began with its default config and 9 configs of other runs: age trial 0 of one, "
    )
    assert told.text.endswith("age trial 7 of one and 1 more. It chose age trial 1 of one.")
    cold = replace(warm, origins=origins[:1], chosen_origin="")
    told, _ = search_section(contents(curves=(), searches=(cold,)), SLOTS).blocks
    assert told.text.endswith("1 config of other runs: age trial 0 of one. It chose none of them.")


def test_columns_that_would_be_zero_everywhere_are_left_out():
    (summary,) = parts()["searches"]
    clean = replace(summary, failed=0, cut_off=0)
    section = search_section(contents(curves=(), searches=(clean,)), SLOTS)
    (table,) = section.blocks
    assert "failed" not in table.columns
    assert "cut off" not in table.columns
    assert section.heading == "24 trials in 1 space"


def test_a_space_that_found_nothing_has_dashes_nowhere():
    (summary,) = parts()["searches"]
    failed = replace(summary, best=None, interval=None, default=None, device_seconds=None)
    (table,) = search_section(contents(curves=(), searches=(failed,)), SLOTS).blocks
    assert table.columns[-1] == "cut off"


def test_without_curves_and_searches_there_is_no_section():
    assert search_section(contents(curves=(), searches=()), SLOTS) is None


def test_importance_names_the_parameter_that_mattered_most():
    section = importance_section(contents())
    assert section.heading == "optim.lr mattered most"
    assert [card.heading for card in section.blocks[0].cards] == ["age: optim.lr mattered most"]
    two = {"age": {"a": 0.5}, "mask": {"a": 0.1, "b": 0.4}, "joint": {"a": 0.3}}
    assert importance_section(contents(importances=two)).heading == (
        "a mattered most in 2 of 3 spaces"
    )


def test_where_every_space_has_another_none_is_said_to_matter_most():
    found = importance_section(contents(importances={"age": {"a": 0.5}, "mask": {"b": 0.4}}))
    assert found.heading == "In every space another parameter mattered most"


def test_only_the_most_important_parameters_are_drawn():
    many = {"age": {f"p{i:02}": 0.05 - i / 1000 for i in range(12)}}
    drawn = importance_section(contents(importances=many)).blocks[0].cards[0].figure.svg
    assert "p07" in drawn
    assert "p08" not in drawn


def test_spaces_with_too_few_trials_have_no_importance():
    assert importance_section(contents(importances={"mask": {}})) is None
