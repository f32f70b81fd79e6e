from search.report.document import Cell, Section, table


def test_a_column_that_holds_nothing_is_left_out():
    found = table("t", ("name", "empty", "value"), [("a", "", Cell(text="1")), ("b", "", "")])
    assert found.columns == ("name", "value")
    assert found.numeric == (False, True)
    assert [[cell.text for cell in row] for row in found.rows] == [["a", "1"], ["b", ""]]


def test_names_stand_on_the_left_whichever_columns_are_left_out():
    found = table("t", ("a", "b", "c"), [("", "x", "1")], names=2)
    assert (found.columns, found.numeric) == (("b", "c"), (False, True))


def test_a_section_is_linked_by_its_kicker():
    assert Section(kicker="Data facts", heading="h", blocks=()).anchor == "data-facts"
