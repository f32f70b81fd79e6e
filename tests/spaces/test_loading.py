"""Spaces by name, by file and by both; each mistake is one clear message."""

import sys
from pathlib import Path

import pytest

import spaces
from spaces.errors import SpaceError
from spaces.scale import choose_scale
from tests.spaces.schemas import CENSUS, FACES, FRUIT, ONE_ATTRIBUTE
from tests.trainables.data.folders import MASK_SCHEMA
from trainables.config import TrialConfig

SCALE = choose_scale(device="cpu", pretrained=None, weights=(), max_epochs=None)
SUGGEST = "def suggest(trial, schema, scale):\n    trial.suggest_float('optim.lr', 0.01, 0.1)\n"
MINE = SUGGEST + "ATTRIBUTE = 'gender'\n"


@pytest.fixture
def write(tmp_path):
    """Returns how to write a space file of a given text."""

    def write_text(text, name="mine.py"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write_text


def test_the_built_in_spaces_are_the_files_of_the_package():
    assert spaces.names() == ("age", "gender", "joint", "mask", "multihead")


@pytest.mark.parametrize("name", ["age", "gender", "mask"])
def test_a_name_is_the_space_of_that_attribute(name):
    space = spaces.load(name, MASK_SCHEMA)
    assert (space.name, space.attributes, space.form) == (name, (name,), "softmax")


@pytest.mark.parametrize(("name", "form"), [("joint", "softmax"), ("multihead", "heads")])
def test_a_name_is_the_space_of_all_attributes_in_a_form(name, form):
    space = spaces.load(name, MASK_SCHEMA)
    assert (space.name, space.attributes, space.form) == (name, MASK_SCHEMA.names, form)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("age", ("age", "")),
        ("mine.py", ("", "mine.py")),
        ("gender=mine.py", ("gender", "mine.py")),
        ("gender=runs/lr=0.1/mine.py", ("gender", "runs/lr=0.1/mine.py")),
        ("/home/u/runs/lr=0.1/mine.py", ("", "/home/u/runs/lr=0.1/mine.py")),
        ("./lr=0.1/mine.py", ("", "./lr=0.1/mine.py")),
        ("gender=", ("gender", "")),
    ],
)
def test_a_path_may_have_an_equals_sign(spec, expected):
    assert spaces.split_spec(spec) == expected


def test_a_file_below_a_folder_with_an_equals_sign_is_loaded(write, tmp_path, monkeypatch):
    folder = tmp_path / "lr=0.1"
    folder.mkdir()
    path = write(MINE, "lr=0.1/mine.py")
    assert spaces.load(str(path), MASK_SCHEMA).attributes == ("gender",)
    monkeypatch.chdir(tmp_path)
    assert spaces.load("lr=0.1/mine.py", MASK_SCHEMA).attributes == ("gender",)


def test_an_attribute_without_a_file_has_the_generic_space():
    space = spaces.load("ripeness", FRUIT)
    assert (space.name, space.attributes, space.form) == ("ripeness", ("ripeness",), "softmax")
    assert space.default_config(FRUIT, SCALE)["target.attributes"] == ("ripeness",)


@pytest.mark.parametrize(
    ("schema", "attributes", "form", "name"),
    [
        (MASK_SCHEMA, ("age",), "softmax", "age"),
        (MASK_SCHEMA, ("mask", "gender", "age"), "softmax", "joint"),
        (MASK_SCHEMA, ("mask", "gender", "age"), "heads", "multihead"),
        (MASK_SCHEMA, ("mask", "gender"), "softmax", "mask+gender"),
        (MASK_SCHEMA, ("mask", "age"), "heads", "mask+age-heads"),
        (FRUIT, ("ripeness",), "softmax", "ripeness"),
        (ONE_ATTRIBUTE, ONE_ATTRIBUTE.names, "softmax", "colour"),
    ],
)
def test_every_block_has_a_built_in_space(schema, attributes, form, name):
    space = spaces.load_block(attributes, form, schema)
    assert (space.name, space.attributes, space.form) == (name, attributes, form)
    default = space.default_config(schema, SCALE)
    assert (default["target.attributes"], default["target.form"]) == (attributes, form)
    assert {n for n in default if n.startswith("task_weight.")} == {
        f"task_weight.{attribute}" for attribute in attributes if form == "heads"
    }
    has_raw_age = "age" in attributes and schema["age"].has_raw
    assert ("age.old_from" in default) == has_raw_age


@pytest.mark.parametrize("form", ["softmax", "heads"])
def test_a_block_of_an_attribute_that_the_data_lacks_is_refused(form):
    with pytest.raises(SpaceError, match=r"needs the attribute 'mask'; .* gender, age"):
        spaces.load_block(("mask", "age"), form, FACES)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("agee", " (did you mean age?)"),
        ("Age", " (did you mean age?)"),
        ("ripenes", " (did you mean ripeness?)"),
        *((name, "") for name in ("", "attribute", "groups", "errors", "__init__", "a" * 5000)),
    ],
)
def test_an_unknown_space_names_those_there_are_for_this_data(name, hint):
    with pytest.raises(SpaceError) as caught:
        spaces.load(name, FRUIT)
    message = str(caught.value)
    assert message.startswith(f"unknown space {name!r}{hint}; available: "[:1800])
    if len(name) < 100:
        assert message.endswith(
            "; available: age, gender, joint, mask, multihead, kind, ripeness, or a file "
            "path/to/space.py"
        )


def test_a_space_whose_attribute_the_data_lacks_is_refused():
    with pytest.raises(SpaceError, match=r"'mask' needs the attribute 'mask'; .* gender, age"):
        spaces.load("mask", FACES)


@pytest.mark.parametrize("name", ["joint", "multihead"])
def test_one_attribute_has_nothing_to_join(name):
    with pytest.raises(SpaceError, match=rf"'{name}' needs two attributes or more"):
        spaces.load(name, ONE_ATTRIBUTE)


def test_a_file_is_named_by_its_attribute(write):
    space = spaces.load(str(write(MINE)), FACES)
    assert (space.name, space.attributes, space.form) == ("gender", ("gender",), "softmax")


@pytest.mark.parametrize(("form", "written"), [("softmax", ""), ("heads", "FORM = 'heads'\n")])
def test_a_file_may_name_several_attributes_in_any_order(write, form, written):
    path = write(SUGGEST + "ATTRIBUTES = ['age', 'mask']\n" + written)
    space = spaces.load(f"both={path}", MASK_SCHEMA)
    assert (space.name, space.attributes, space.form) == ("both", ("mask", "age"), form)
    assert TrialConfig.from_flat(space.default_config(MASK_SCHEMA, SCALE)).target.block


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ATTRIBUTES = ['age', 'mask']\n", "mask+age"),
        ("ATTRIBUTES = ['age', 'mask']\nFORM = 'heads'\n", "mask+age-heads"),
        ("ATTRIBUTES = ['age', 'mask', 'gender']\n", "joint"),
        ("ATTRIBUTES = ['age', 'mask', 'gender']\nFORM = 'heads'\n", "multihead"),
        ("ATTRIBUTES = ['age', 'mask']\nAPPROACH = 'separate'\n", "mask+age"),
    ],
)
def test_a_file_of_several_attributes_is_named_by_its_block(write, text, name):
    space = spaces.load(str(write(SUGGEST + text)), MASK_SCHEMA)
    assert space.name == name
    assert spaces.load_block(space.attributes, space.form, MASK_SCHEMA).name == name


@pytest.mark.parametrize("text", ["ATTRIBUTE = 'age'\n", "APPROACH = 'joint'\n", ""])
def test_a_form_without_attributes_is_refused_and_not_left_unread(write, text):
    path = write(SUGGEST + text + "FORM = 'heads'\n")
    with pytest.raises(SpaceError, match=r"belongs to ATTRIBUTES, .* got FORM='heads'"):
        spaces.load(f"age={path}", MASK_SCHEMA)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "ATTRIBUTES = ['age', ['mask']]\n",
            r"must be a list of names, got \['age', \['mask'\]\]",
        ),
        ("ATTRIBUTES = 'age'\n", r"must be a list of names, got 'age'"),
        ("ATTRIBUTES = []\n", r"must predict different attributes"),
        ("ATTRIBUTES = ['age', 'age']\n", r"must predict different attributes"),
        ("ATTRIBUTES = ['age']\nFORM = 'heads'\n", r"two or more by heads"),
        ("ATTRIBUTES = ['age', 'gender']\nFORM = 'tree'\n", r"one of softmax, heads, got 'tree'"),
        ("ATTRIBUTES = ['age', 'height']\n", r"needs the attribute 'height'"),
        ("ATTRIBUTES = ['age', 'mask']\nATTRIBUTE = 'age'\n", r"by one of ATTRIBUTE, ATTRIBUTES"),
    ],
)
def test_a_block_that_cannot_be_is_refused(write, text, message):
    with pytest.raises(SpaceError, match=message):
        spaces.load(f"mine={write(SUGGEST + text)}", MASK_SCHEMA)


def test_a_file_may_say_an_approach_instead(write):
    text = SUGGEST + "APPROACH = 'multihead'\n"
    space = spaces.load(str(write(text)), FACES)
    assert (space.name, space.attributes, space.form) == ("multihead", FACES.names, "heads")
    assert space.default_config(FACES, SCALE)["task_weight.age"] == 1.0


@pytest.mark.parametrize(
    ("name", "attributes"), [("gender", ("gender",)), ("joint", ("gender", "age"))]
)
def test_a_name_before_the_file_says_what_it_predicts(write, name, attributes):
    space = spaces.load(f"{name}={write(SUGGEST)}", FACES)
    assert (space.name, space.attributes, space.form) == (name, attributes, "softmax")


def test_a_second_space_of_an_attribute_has_a_name_of_its_own(write):
    space = spaces.load(f"gender-wide={write(MINE)}", FACES)
    assert (space.name, space.attributes) == ("gender-wide", ("gender",))


@pytest.mark.parametrize("name", ["age", "joint", "multihead"])
def test_a_name_that_contradicts_the_file_is_refused(write, name):
    path = write(MINE)
    with pytest.raises(SpaceError) as caught:
        spaces.load(f"{name}={path}", FACES)
    assert str(caught.value) == (
        f"{path} predicts 'gender', so it cannot be the space {name!r}; "
        f"call it --space gender={path}"
    )


def test_a_file_of_both_an_approach_and_an_attribute_is_refused(write):
    path = write(MINE + "APPROACH = 'joint'\n")
    with pytest.raises(SpaceError, match=r"APPROACH='joint' ATTRIBUTE='gender'"):
        spaces.load(str(path), FACES)


def test_a_file_without_a_default_has_that_of_the_scale(write):
    space = spaces.load(str(write(MINE)), FACES)
    builtin = spaces.load("gender", FACES)
    assert space.default_config(FACES, SCALE) == builtin.default_config(FACES, SCALE)


def test_a_file_of_age_has_the_age_options_in_its_default(write):
    space = spaces.load(f"age={write(SUGGEST)}", CENSUS)
    assert space.default_config(CENSUS, SCALE)["age.old_from"] == 65


def test_a_file_may_bring_its_default_and_warm_starts(write):
    text = MINE + "def default(schema, scale):\n    return {'a.b': 1}\nWARM_START = [{'a.b': 2}]\n"
    space = spaces.load(str(write(text)), FACES)
    assert space.default_config(FACES, SCALE)["a.b"] == 1
    assert space.warm_start == ({"a.b": 2},)


def test_warm_starts_that_are_no_list_are_refused(write):
    with pytest.raises(SpaceError, match=r"WARM_START of space 'gender' must be a list.*got 5"):
        spaces.load(str(write(MINE + "WARM_START = 5\n")), FACES)


@pytest.mark.parametrize("prefix", ["", "gender="])
def test_a_file_that_is_not_there_is_named_beside_the_built_in_spaces(prefix, tmp_path):
    path = tmp_path / "absent.py"
    with pytest.raises(SpaceError, match=r"must exist, got .*absent\.py; built-in: age, gender"):
        spaces.load(f"{prefix}{path}", FACES)


@pytest.mark.parametrize("text", ["", "x = 1\n", "suggest = 3\n"])
def test_a_file_without_suggest_says_what_to_copy(write, text):
    with pytest.raises(
        SpaceError, match=r"must define suggest\(.*mine\.py does not; copy spaces/"
    ):
        spaces.load(str(write(text)), FACES)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("import not_there_at_all\n", "ModuleNotFoundError: No module named 'not_there_at_all'"),
        ("def suggest(:\n", "SyntaxError"),
        ("raise ValueError('mine')\n", "ValueError: mine"),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
    ],
)
def test_a_file_that_breaks_is_named_with_its_error(write, text, reason):
    modules = set(sys.modules)
    with pytest.raises(SpaceError, match=rf"mine\.py fails: {reason}"):
        spaces.load(str(write(text)), FACES)
    assert not {name for name in set(sys.modules) - modules if "headrace_space" in name}


def test_a_file_that_does_not_say_what_it_predicts_is_refused(write):
    path = write(SUGGEST)
    with pytest.raises(
        SpaceError, match=r"must say what it predicts: define ATTRIBUTE = 'gender'"
    ):
        spaces.load(str(path), FACES)


def test_a_file_of_an_attribute_that_the_data_lacks_is_refused(write):
    with pytest.raises(
        SpaceError, match=r"needs the attribute 'gender'; this data has: kind, rip"
    ):
        spaces.load(str(write(MINE)), FRUIT)


def test_a_file_that_is_no_python_is_refused(write):
    path = write(MINE, "mine.txt")
    with pytest.raises(SpaceError, match=r"mine\.txt cannot be loaded as Python; .* ends in \.py"):
        spaces.load(f"gender={path}", FACES)


def test_a_changed_file_is_another_space(write):
    first = spaces.load(str(write(MINE)), FACES).fingerprint(FACES, SCALE)
    again = spaces.load(str(write(MINE)), FACES).fingerprint(FACES, SCALE)
    changed = spaces.load(str(write(MINE.replace("0.1)", "0.2)"))), FACES)
    assert first == again
    assert changed.fingerprint(FACES, SCALE) != first


@pytest.mark.parametrize("shared", ["groups.py", "parts.py"])
def test_a_change_of_what_spaces_share_makes_other_spaces(write, monkeypatch, shared):
    package = Path(spaces.__file__).parent
    for name in ("groups.py", "parts.py"):
        write((package / name).read_text(encoding="utf-8"), name)
    path = write(MINE)
    monkeypatch.setattr(spaces, "__file__", str(path.with_name("__init__.py")))
    before = spaces.load(str(path), FACES).fingerprint(FACES, SCALE)
    write("changed = True\n", shared)
    assert spaces.load(str(path), FACES).fingerprint(FACES, SCALE) != before


@pytest.mark.parametrize("name", ["age", "gender", "joint", "multihead"])
def test_a_copy_of_a_built_in_space_is_a_space(tmp_path, name):
    path = tmp_path / "copy.py"
    source = Path(spaces.__file__).with_name(f"{name}.py")
    path.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    copied, builtin = spaces.load(str(path), FACES), spaces.load(name, FACES)
    assert copied.fingerprint(FACES, SCALE) == builtin.fingerprint(FACES, SCALE)


def test_names_with_commas_between_them_are_said_to_be_several():
    with pytest.raises(SpaceError, match=r"got 'age, mask'; write --space age mask"):
        spaces.load("age, mask", FRUIT)
    with pytest.raises(SpaceError, match="unknown space 'age,hat'"):
        spaces.load("age,hat", FRUIT)
