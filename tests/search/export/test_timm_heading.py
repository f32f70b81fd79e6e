"""What stands above the options of an argument file for timm."""

import yaml

from search.export.to_timm import write_timm
from tests.search.export.test_to_timm import made_best
from trainables.data.schema import Attribute, LabelSchema


def test_a_class_of_two_lines_is_one_line_of_the_heading(tmp_path):
    schema = LabelSchema(
        name="people", attributes=(Attribute(name="mask", classes=("no\nmask", "mask")),)
    )
    best = made_best(target__attributes=("mask",))
    path, arguments = write_timm(tmp_path, best, schema, data_is_here=False)
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == dict(arguments.options)
    text = path.read_text(encoding="utf-8")
    assert "#     0  no mask\n" in text
    assert "(what headrace export writes where the data is makes them)" in text
