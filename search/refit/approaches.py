"""The approaches: the spaces they are made of and their joint probabilities."""

from collections import Counter
from collections.abc import Mapping, Sequence

from search.analysis.approaches.build import (
    Built,
    Choice,
    build_joint,
    build_multihead,
    build_separate,
)
from search.analysis.fitting.cross_fit import CrossFit
from search.refit.files import Predictions, Truth
from trainables.data.schema import JOINT, LabelSchema


def chosen_rank(choice: Choice) -> str:
    """Returns the rank that most rounds of the cross-fitted choice took, the first of equals."""
    return Counter(choice.by_round).most_common(1)[0][0]


def chosen_ranks(built: Built) -> dict[str, str]:
    """Returns the rank of every model of an approach, by its space: what would be served."""
    return {space: chosen_rank(choice) for space, choice in built.choices.items()}


def approaches_of(spaces: Mapping[str, str], schema: LabelSchema) -> tuple[str, ...]:
    """Returns the approaches whose spaces are all there.

    Args:
        spaces: approach of every space.
        schema: of the data.
    """
    found = [name for name in ("joint", "multihead") if name in spaces.values()]
    if all(spaces.get(name) == "separate" for name in schema.names):
        found.insert(0, "separate")
    return tuple(found)


def build_approaches(
    predictions: Predictions, names: Sequence[str], schema: LabelSchema, truth: Truth
) -> tuple[Built, ...]:
    """Returns the joint probabilities of every approach, with cross-fitted choices."""
    plan = CrossFit.of_people(truth.fold, truth.group, truth.held_out)
    sizes = [len(attribute.classes) for attribute in schema.attributes]
    built = []
    if "separate" in names:
        candidates = {
            name: {rank: heads[name] for rank, heads in predictions[name].items()}
            for name in schema.names
        }
        built.append(build_separate(candidates, truth.label, sizes, plan))
    if "joint" in names:
        candidates_joint = {rank: heads["joint"] for rank, heads in predictions["joint"].items()}
        built.append(build_joint(candidates_joint, truth.label, plan))
    if "multihead" in names:
        heads_of = {
            rank: [heads[name] for name in schema.names]
            for rank, heads in predictions["multihead"].items()
        }
        built.append(build_multihead(heads_of, truth.label, sizes, plan))
    return tuple(built)


def spaces_of(approach: str, schema: LabelSchema) -> tuple[str, ...]:
    """Returns the spaces whose networks make one member of an approach, in schema order."""
    return schema.names if approach == "separate" else (approach,)


def heads_of(approach: str, space: str, schema: LabelSchema) -> tuple[str, ...]:
    """Returns the outputs of a space's network, in schema order."""
    return {"separate": (space,), "joint": (JOINT,), "multihead": schema.names}[approach]
