"""The label schemas that spaces are tested on."""

from tests.trainables.data.folders import COLOUR_SCHEMA, MASK_SCHEMA
from trainables.data.schema import Attribute, LabelSchema

FACES = LabelSchema(
    name="faces",
    attributes=(
        Attribute(name="gender", classes=("male", "female")),
        Attribute(name="age", classes=("<30", "30-59", ">=60"), ordered=True),
    ),
)
"""Ages without the raw number."""

ALPHABETICAL = LabelSchema(
    name="alphabetical",
    attributes=(
        Attribute(name="gender", classes=("male", "female")),
        Attribute(name="age", classes=("adult", "child", "senior")),
    ),
)
"""Ages whose order means nothing."""

FRUIT = LabelSchema(
    name="fruit",
    attributes=(
        Attribute(name="kind", classes=("apple", "pear")),
        Attribute(name="ripeness", classes=("green", "ripe", "brown"), ordered=True),
    ),
)
"""Nothing that a space file is written for."""

CENSUS = LabelSchema(
    name="census",
    attributes=(
        Attribute(name="region", classes=("north", "south", "east")),
        Attribute(name="age", classes=("child", "adult", "senior"), edges=(18, 65)),
    ),
)
"""Raw ages in other bins than the founding case has."""

SCHEMAS = {
    "founding": MASK_SCHEMA,
    "faces": FACES,
    "alphabetical": ALPHABETICAL,
    "fruit": FRUIT,
    "census": CENSUS,
}
ONE_ATTRIBUTE = COLOUR_SCHEMA
