"""A throw-away approach in a few lines: two attributes by one softmax, the third alone."""

from search.refit.approaches import Approach
from trainables.blocks import Block, Form

GROUPED = Approach(
    "mask+gender | age",
    lambda names: [
        Block(("mask", "gender"), Form.SOFTMAX),
        *(Block((name,), Form.SOFTMAX) for name in names if name not in ("mask", "gender")),
    ],
)
