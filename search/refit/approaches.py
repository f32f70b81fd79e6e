"""The approaches: the spaces they are made of and their joint probabilities."""

from collections import Counter
from collections.abc import Mapping, Sequence

from search.analysis.approaches.build import (
    Choice,
    JointPredictions,
    build_joint,
    build_multihead,
    build_separate,
)
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.people import People
from search.refit.files import Predictions, Truth
from trainables.data.schema import JOINT, LabelSchema


def chosen_config(choice: Choice) -> str:
    """Returns the config that most rounds of the cross-fitted choice took, the first of equals."""
    return Counter(choice.by_round).most_common(1)[0][0]


def chosen_configs(built: JointPredictions) -> dict[str, str]:
    """Returns the config_id of every model of an approach, by its space: what would be served."""
    return {space: chosen_config(choice) for space, choice in built.choices.items()}


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
) -> tuple[JointPredictions, ...]:
    """Returns the joint probabilities of every approach, with cross-fitted choices."""
    cross_fit = CrossFit.of_people(truth.fold, truth.group, truth.held_out)
    people = People(label=truth.label, person=truth.group, num_classes=schema.num_joint)
    sizes = [len(attribute.classes) for attribute in schema.attributes]
    built = []
    if "separate" in names:
        candidates = {
            name: {config_id: heads[name] for config_id, heads in predictions[name].items()}
            for name in schema.names
        }
        built.append(build_separate(candidates, people, sizes, cross_fit))
    if "joint" in names:
        candidates_joint = {
            config_id: heads["joint"] for config_id, heads in predictions["joint"].items()
        }
        built.append(build_joint(candidates_joint, people, cross_fit))
    if "multihead" in names:
        heads_of = {
            config_id: [heads[name] for name in schema.names]
            for config_id, heads in predictions["multihead"].items()
        }
        built.append(build_multihead(heads_of, people, sizes, cross_fit))
    return tuple(built)


def spaces_of(approach: str, schema: LabelSchema) -> tuple[str, ...]:
    """Returns the spaces whose networks make one member of an approach, in schema order."""
    return schema.names if approach == "separate" else (approach,)


def heads_of(approach: str, space: str, schema: LabelSchema) -> tuple[str, ...]:
    """Returns the outputs of a space's network, in schema order."""
    return {"separate": (space,), "joint": (JOINT,), "multihead": schema.names}[approach]
