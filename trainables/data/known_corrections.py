"""Corrections that are known of public data, by the name of their set; off until it is named.

`competition`: the errors in the mask-state competition's training data that most public solutions
corrected. Disputed ones are not among them.
"""

Row = tuple[str, str, str, str]
"""Group or path, attribute, label, reason."""


def _swapped(person: str) -> tuple[Row, Row]:
    reason = "incorrect_mask and normal are swapped"
    return (
        (f"{person}/incorrect_mask", "mask", "normal", reason),
        (f"{person}/normal", "mask", "incorrect", reason),
    )


_SWAPPED = ("000020", "004418", "005227")
_FEMALE = ("001498-1", "004432")
_MALE = ("006359", "006360", "006361", "006362", "006363", "006364")

KNOWN: dict[str, tuple[Row, ...]] = {
    "competition": (
        *(row for person in _SWAPPED for row in _swapped(person)),
        *((person, "gender", "female", "labelled male") for person in _FEMALE),
        *((person, "gender", "male", "labelled female") for person in _MALE),
    ),
}
