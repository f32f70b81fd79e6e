import pytest

from trainables.data.class_names import ClassNames, is_no_label, merged, no_labels, spelling


def test_different_values_are_sorted_classes_without_a_word():
    assert merged(["b", "a", "b", "10", "9"]) == (("9", "10", "a", "b"), ())


@pytest.mark.parametrize(
    ("values", "classes", "note"),
    [
        (["1", "0", "1.0"], ("0", "1"), "classes 1 and 1.0 are one"),
        (["1.0", "0.0", "1"], ("0.0", "1"), "classes 1.0 and 1 are one"),
        (["-1", "-1.0", "1"], ("-1", "1"), "classes -1 and -1.0 are one"),
        (["\u0103", "a\u0306", "b"], ("b", "\u0103"), "are one"),
        (["0-2", "03-Sep", "Oct-19", "20-29"], ("0-2", "10-19", "20-29", "3-9"), "'3-9'"),
    ],
)
def test_spellings_of_one_class_are_one_and_that_is_said(values, classes, note):
    found, notes = merged(values)
    assert found == classes
    assert note in notes[0]


@pytest.mark.parametrize(
    "values",
    [
        ["1", "01"],
        ["Male", "male"],
        ["male ", "male  x", "male x"],
        ["7", "007"],
        ["x", "x\u200b"],
    ],
)
def test_what_may_be_one_class_or_two_stays_two_and_is_named(values):
    found, notes = merged(values)
    assert found == tuple(sorted(values))
    assert "are two classes; where they are one, write one" in notes[0]


@pytest.mark.parametrize("values", [["1", "10"], ["100", "10"], ["1.5", "1.50"]])
def test_different_numbers_are_no_spellings_of_one(values):
    assert merged(values) == (tuple(sorted(values)), ())


def test_dates_among_words_stay_what_they_are():
    assert merged(["03-Sep", "old"])[0] == ("03-Sep", "old")


@pytest.mark.parametrize(
    ("value", "code"), [("1", 0), ("1.0", 0), ("1.", 0), ("01", None), ("3-9", 1), ("03-Sep", 1)]
)
def test_a_listed_class_is_found_in_its_other_spellings(value, code):
    assert ClassNames(("1", "3-9")).code(value) == code


def test_a_spelling_of_two_listed_classes_is_neither():
    names = ClassNames(("1.00", "1.0"))
    assert names.code("1") is None
    assert names.code("1.0") == 1


def test_a_spelling_is_its_own():
    for value in ("1", "a", "\u0103", "1.5", "001.0", "-2"):
        assert spelling(spelling(value)) == spelling(value)


@pytest.mark.parametrize(
    "value", ["#NV", "#N/D", "#VALEUR!", "#CALC!", "########", "#DIV/0!", "NaT", "Null", "nan"]
)
def test_what_programs_write_for_none_or_an_error_is_no_label(value):
    assert is_no_label(value)


@pytest.mark.parametrize(
    ("values", "none"),
    [
        (("male", "female", "-", "?"), {"-", "?"}),
        (("+", "-", "?"), {"?"}),
        (("male", "nan", "--"), {"nan", "--"}),
        (("-1", "1", "a-b"), set()),
    ],
)
def test_a_dash_stands_for_no_label_unless_it_is_a_minus(values, none):
    assert no_labels(values) == none


@pytest.mark.parametrize("value", ["None", "#FF0000", "#1", "#", "#tag", "none", "na", "Nanna"])
def test_words_and_colours_may_be_labels(value):
    assert not is_no_label(value)


def test_the_word_for_none_in_python_is_a_class_and_named():
    assert merged(["None", "worn"]) == (
        ("None", "worn"),
        ("'None' is a class; Python writes it where there is no value, too",),
    )


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (map(str, range(12)), tuple(map(str, range(12)))),
        (["5", "50", "45", "5.5"], ("5", "5.5", "45", "50")),
        (["-1", "1", "-2", "0"], ("-2", "-1", "0", "1")),
        (["10세", "9세", "unknown"], ("9세", "10세", "unknown")),
    ],
)
def test_numbers_are_classes_in_their_order(values, classes):
    assert merged(values) == (classes, ())
