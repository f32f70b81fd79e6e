"""Which spaces make up an approach, what their models decide, and who shares device time."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from search.analysis.approaches.build import Choice
from search.refit import approaches
from search.refit.approaches import Lineup, blocks_of_all, chosen_configs, spaces_of
from spaces import load, load_block
from tests.search.builders.made_refit import LINEUP, SCHEMA
from tests.trainables.data.folders import MASK_SCHEMA
from trainables.blocks import Block, Form
from trainables.errors import ConfigError

NAMES = MASK_SCHEMA.names
AGE, JOINT = Block(("age",), Form.SOFTMAX), Block(NAMES, Form.SOFTMAX)
PAIR = Block(("mask", "gender"), Form.SOFTMAX)


def lineup(**blocks):
    return Lineup(schema=MASK_SCHEMA, blocks=blocks)


def alone(*names):
    return {name: Block((name,), Form.SOFTMAX) for name in names}


@pytest.fixture
def grouped(monkeypatch):
    """One more approach: mask and gender together, age alone."""
    entry = approaches.Approach("grouped", lambda names: [PAIR, AGE])
    monkeypatch.setattr(approaches, "APPROACHES", (*approaches.APPROACHES, entry))


@pytest.mark.parametrize(
    ("by_round", "config_id"),
    [(("1", "2", "2"), "2"), (("default", "1"), "default"), (("3",), "3")],
)
def test_the_config_of_most_rounds_is_served_and_the_first_of_equals(by_round, config_id):
    choice = Choice(names=("default", "1", "2", "3"), by_round=by_round)
    assert chosen_configs(SimpleNamespace(choices={"age": choice})) == {"age": config_id}


def test_an_approach_is_there_where_all_its_blocks_are():
    assert lineup(**alone("age", "gender", "mask")).approaches == {"separate": NAMES}
    assert lineup(**alone("age", "gender")).approaches == {}
    assert lineup(**alone(*NAMES), joint=JOINT, multihead=Block(NAMES, Form.HEADS)).approaches == {
        "separate": NAMES,
        "joint": ("joint",),
        "multihead": ("multihead",),
    }


def test_a_space_of_another_name_stands_for_its_block_and_the_blocks_own_name_comes_first():
    second = {**alone("mask", "gender"), "old_age": AGE}
    assert lineup(**second).approaches == {"separate": ("mask", "gender", "old_age")}
    assert lineup(**second, age=AGE).approaches == {"separate": NAMES}


def test_the_built_in_space_of_every_block_comes_before_another_of_it(monkeypatch):
    one_more(monkeypatch, Block(("mask", "gender"), Form.HEADS), AGE)
    blocks = blocks_of_all(MASK_SCHEMA)
    others = {f"other {place}": block for place, block in enumerate(blocks)}
    for block in blocks:
        own = load_block(block.attributes, block.form.value, MASK_SCHEMA).name
        assert own in spaces_of(lineup(**others, **{own: block}).approaches)


def test_one_more_entry_of_the_table_is_one_more_approach(grouped):
    found = lineup(**alone(*NAMES), pair=PAIR)
    assert found.approaches == {"separate": NAMES, "grouped": ("pair", "age")}
    assert PAIR in blocks_of_all(MASK_SCHEMA)
    assert found.of_space("age") == ("separate", "grouped")
    assert spaces_of(found.approaches) == (*NAMES, "pair")


def one_more(monkeypatch, *blocks):
    """One more approach: these blocks, whatever the data."""
    entry = approaches.Approach("more", lambda names: blocks)
    monkeypatch.setattr(approaches, "APPROACHES", (*approaches.APPROACHES, entry))


def test_data_of_one_attribute_has_the_approach_of_one_model_alone():
    found = Lineup(schema=MASK_SCHEMA.only(["age"]), blocks={"age": AGE})
    assert found.approaches == {"separate": ("age",)}
    assert found.shares == {"separate": ("age",)}
    assert blocks_of_all(found.schema) == (AGE,)


def test_an_approach_to_attributes_that_the_data_lacks_is_not_there(grouped):
    rest = MASK_SCHEMA.only(["mask", "age"])
    found = Lineup(schema=rest, blocks=alone("mask", "age"))
    assert found.approaches == {"separate": ("mask", "age")}
    assert PAIR not in blocks_of_all(rest)


def test_an_approach_that_is_another_one_on_this_data_is_left_out(monkeypatch):
    one_more(monkeypatch, JOINT)
    assert lineup(**alone(*NAMES), joint=JOINT).approaches == {
        "separate": NAMES,
        "joint": ("joint",),
    }


def test_a_block_in_another_order_than_the_data_is_the_same_block(monkeypatch):
    one_more(monkeypatch, Block(("gender", "mask"), Form.SOFTMAX), AGE)
    assert PAIR in blocks_of_all(MASK_SCHEMA)
    found = lineup(**alone(*NAMES), pair=PAIR)
    assert found.approaches["more"] == ("pair", "age")


@pytest.mark.parametrize("blocks", [(PAIR,), (PAIR, AGE, AGE), (PAIR, JOINT)])
def test_an_approach_has_every_attribute_in_one_block(blocks, monkeypatch):
    one_more(monkeypatch, *blocks)
    with pytest.raises(ConfigError, match=r"'more' must have every attribute .* in one block"):
        blocks_of_all(MASK_SCHEMA)


def test_spaces_of_a_broken_approach_share_its_time_and_others_have_their_own(grouped):
    assert lineup(**alone("mask", "gender"), joint=JOINT).shares == {
        "joint": ("joint",),
        "separate": ("mask", "gender"),
    }
    assert lineup(**alone(*NAMES), second=JOINT, joint=JOINT).shares == {
        "separate": NAMES,
        "joint": ("second", "joint"),
    }
    heads = Block(("mask", "gender"), Form.HEADS)
    assert lineup(odd=heads).shares == {"odd": ("odd",)}


def test_shares_stand_in_the_order_of_the_run():
    found = lineup(**alone("age", "mask"), joint=JOINT, **alone("gender"))
    assert list(found.shares.items()) == [
        ("separate", ("age", "mask", "gender")),
        ("joint", ("joint",)),
    ]
    assert list(lineup(**alone("age"), joint=JOINT).shares) == ["separate", "joint"]


def test_every_output_of_a_model_decides_attributes_in_the_order_of_the_data():
    assert LINEUP.heads("age") == {"age": ("age",)}
    assert LINEUP.heads("joint") == {"joint": ("gender", "age")}
    assert LINEUP.heads("multihead") == {"gender": ("gender",), "age": ("age",)}
    assert lineup(pair=PAIR).heads("pair") == {"mask+gender": ("mask", "gender")}


def test_the_label_of_a_space_is_that_of_its_attributes():
    joint = np.arange(SCHEMA.num_joint)
    codes = SCHEMA.attribute_codes(joint)
    assert LINEUP.layout("age").label(joint).tolist() == codes[:, 1].tolist()
    assert LINEUP.layout("joint").label(joint).tolist() == joint.tolist()
    assert LINEUP.layout("multihead").label(joint).tolist() == joint.tolist()


def test_a_lineup_is_that_of_its_spaces():
    spaces = [load(name, MASK_SCHEMA) for name in ("age", "joint", "multihead")]
    assert Lineup.of(MASK_SCHEMA, spaces).blocks == {
        "age": AGE,
        "joint": JOINT,
        "multihead": Block(NAMES, Form.HEADS),
    }


def test_a_lineup_survives_the_study_file():
    study = {"data": {"schema": SCHEMA.to_dict()}, "blocks": LINEUP.to_dict()}
    assert Lineup.of_study(study) == LINEUP


def test_a_study_before_blocks_names_the_approach_of_every_space():
    names = {"gender": "separate", "age": "separate", "joint": "joint", "multihead": "multihead"}
    study = {"data": {"schema": SCHEMA.to_dict()}, "approaches": names}
    assert Lineup.of_study(study) == LINEUP
    wide = {**study, "approaches": {**names, "gender-wide": "separate"}}
    assert Lineup.of_study(wide) == LINEUP
    with pytest.raises(KeyError, match="approaches"):
        Lineup.of_study({"data": study["data"]})


def test_heads_of_several_spaces_stand_in_the_order_that_is_given():
    swapped = replace(LINEUP, blocks=dict(reversed(LINEUP.blocks.items())))
    rng = np.random.default_rng(0)
    gender, age = rng.dirichlet([1] * 2, (1, 4)), rng.dirichlet([1] * 3, (1, 4))
    for found in (LINEUP, swapped):
        joint = found.layout("gender", "age").joint([gender, age])
        turned = found.layout("age", "gender").joint([age, gender])
        np.testing.assert_allclose(joint, turned)
