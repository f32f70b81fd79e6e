"""The approaches: one table of what headrace compares, asked by everybody.

An approach groups the attributes of the data into blocks, each predicted by one model. A new
approach is one entry in `APPROACHES`, and nothing else: its spaces are searched, refitted, judged,
offered to the ensemble and reported like those of the others.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.analysis.approaches.build import JointPredictions, Model, build
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.metrics import Floats
from search.analysis.people import People
from search.analysis.recombine import HeadLayout
from trainables.blocks import Block, Form, block_of_kind
from trainables.data.schema import LabelSchema
from trainables.errors import ConfigError

if TYPE_CHECKING:
    from spaces.space import Space  # loads Optuna

Names = tuple[str, ...]
Predictions = Mapping[str, Mapping[str, Mapping[str, Floats]]]
"""Probabilities [S, N, K] by space, config and head."""

SEPARATE, JOINT, MULTIHEAD = "separate", "joint", "multihead"


@dataclass(frozen=True, slots=True)
class Approach:
    """A way to predict several attributes.

    Attributes:
        name: in verdict, report and files.
        blocks: from the attributes of the data to the blocks that its models predict, every
            attribute in one; nothing where the data does not fit it.
    """

    name: str
    blocks: Callable[[Names], Sequence[Block]]

    def of(self, schema: LabelSchema) -> tuple[Block, ...]:
        """Returns its blocks of this data, their attributes in the data's order.

        None where a block has an attribute that the data lacks.

        Raises:
            ConfigError: an attribute of the data is in no block, or in two.
        """
        blocks = self.blocks(schema.names)
        used = [name for block in blocks for name in block.attributes]
        if not set(used) <= set(schema.names):
            return ()
        if blocks and sorted(used) != sorted(schema.names):
            raise ConfigError(
                f"approach {self.name!r} must have every attribute of {list(schema.names)} in one "
                f"block, got {used}; change its entry in APPROACHES"
            )
        return tuple(Block(schema.only(b.attributes).names, b.form) for b in blocks)


def _together(form: Form) -> Callable[[Names], Sequence[Block]]:
    return lambda names: [Block(names, form)] if len(names) > 1 else []


APPROACHES: tuple[Approach, ...] = (
    Approach(SEPARATE, lambda names: [Block((name,), Form.SOFTMAX) for name in names]),
    Approach(JOINT, _together(Form.SOFTMAX)),
    Approach(MULTIHEAD, _together(Form.HEADS)),
)


def approaches_to(schema: LabelSchema) -> dict[str, tuple[Block, ...]]:
    """Returns the blocks of the approaches that fit the data, by name.

    One that has the blocks of an earlier one, as two attributes together have where there are no
    others, would only be compared with itself and is left out.
    """
    found: dict[frozenset[Block], str] = {}
    blocks = {each.name: each.of(schema) for each in APPROACHES}
    for name, its in blocks.items():
        found.setdefault(frozenset(its), name)
    return {name: blocks[name] for key, name in found.items() if key}


def blocks_of_all(schema: LabelSchema) -> tuple[Block, ...]:
    """Returns the different blocks of all approaches that fit the data, in their order."""
    return tuple(dict.fromkeys(b for blocks in approaches_to(schema).values() for b in blocks))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineup:
    """The spaces of a run, and the approaches that they make up.

    Attributes:
        schema: of the data.
        blocks: what every space predicts, by its name, in the order of the run.
    """

    schema: LabelSchema
    blocks: Mapping[str, Block]

    @classmethod
    def of(cls, schema: LabelSchema, spaces: "Iterable[Space]") -> "Lineup":
        """Returns the lineup of some spaces."""
        blocks = {space.name: Block(space.attributes, Form(space.form)) for space in spaces}
        return cls(schema=schema, blocks=blocks)

    @classmethod
    def of_study(cls, study: Mapping[str, Any]) -> "Lineup":
        """Returns the lineup of a run from its `study.json`; raises KeyError where it has none.

        Runs before blocks wrote the approach of every space. What a second space of an attribute
        predicted they did not, and no approach needed it: such a space is left out.
        """
        schema = LabelSchema.from_dict(study["data"]["schema"])
        if "blocks" in study:
            stored = study["blocks"].items()
            blocks = {s: Block(tuple(b["attributes"]), Form(b["form"])) for s, b in stored}
        else:
            stored = study["approaches"].items()
            blocks = {
                space: block_of_kind(approach, space, schema.names)
                for space, approach in stored
                if approach != SEPARATE or space in schema
            }
        return cls(schema=schema, blocks=blocks)

    def to_dict(self) -> dict[str, Any]:
        """Returns the blocks of `study.json`."""
        return {
            space: {"attributes": list(block.attributes), "form": block.form.value}
            for space, block in self.blocks.items()
        }

    @property
    def approaches(self) -> dict[str, Names]:
        """The spaces of every approach whose blocks are all there, by its name."""
        found = {
            name: [self._space_of(block) for block in blocks]
            for name, blocks in approaches_to(self.schema).items()
        }
        return {
            name: tuple(space for space in spaces if space is not None)
            for name, spaces in found.items()
            if None not in spaces
        }

    @property
    def shares(self) -> dict[str, Names]:
        """Groups of spaces that get equal device time, by approach, in the order of the run.

        A space that no whole approach needs shares with those of the first approach that has its
        block, and else is a group of its own.
        """
        whole, every = self.approaches, approaches_to(self.schema)
        groups: dict[str, Names] = {}
        for space, block in self.blocks.items():
            names = [name for name, spaces in whole.items() if space in spaces]
            if not names:
                known = [name for name, blocks in every.items() if block in blocks]
                # A space of its own may be called like an approach.
                own = f"space {space}" if space in every else space
                names = [next(iter(known), own)]
            for name in names:
                groups[name] = (*groups.get(name, ()), space)
        return groups

    def of_space(self, space: str) -> Names:
        """Returns the groups of `shares` that a space is in."""
        return tuple(name for name, spaces in self.shares.items() if space in spaces)

    def heads(self, space: str) -> dict[str, Names]:
        """Returns the attributes that every output of a space's model decides, by its name."""
        return self.blocks[space].heads(self.schema)

    def sizes(self, space: str) -> dict[str, int]:
        """Returns the number of classes of every output of a space's model, by its name."""
        return {head: self.schema.only(axes).num_joint for head, axes in self.heads(space).items()}

    def layout(self, *spaces: str) -> HeadLayout:
        """Returns which attributes the heads of some spaces' models decide, in their order."""
        names = self.schema.names
        sizes = tuple(len(attribute.classes) for attribute in self.schema.attributes)
        heads = [axes for space in spaces for axes in self.heads(space).values()]
        return HeadLayout(sizes, tuple(tuple(map(names.index, axes)) for axes in heads))

    def by_space(self, spaces: Iterable[str]) -> HeadLayout:
        """Returns which attributes some spaces decide, each with all its heads as one."""
        layouts = [self.layout(space) for space in spaces]
        return HeadLayout(layouts[0].sizes, tuple(layout.attributes for layout in layouts))

    def build(
        self, predictions: Predictions, people: People, cross_fit: CrossFit
    ) -> tuple[JointPredictions, ...]:
        """Returns the joint probabilities of every approach, with cross-fitted choices."""
        return tuple(
            self.build_one(name, predictions, people, cross_fit) for name in self.approaches
        )

    def build_one(
        self,
        name: str,
        predictions: Predictions,
        people: People,
        cross_fit: CrossFit,
        *,
        with_rule: bool = True,
    ) -> JointPredictions:
        """Returns the joint probabilities of one approach, with cross-fitted choices.

        Args:
            name: of the approach.
            predictions: of its spaces, with as many seeds.
            people: labelled.
            cross_fit: who decides about whom.
            with_rule: whether class biases are fitted, which takes most of the time.
        """
        models = [self._model(space, predictions) for space in self.approaches[name]]
        return build(name, models, people, cross_fit, with_rule=with_rule)

    def _model(self, space: str, predictions: Predictions) -> Model:
        heads = {
            config_id: [probs[head] for head in self.heads(space)]
            for config_id, probs in predictions[space].items()
        }
        found = tuple(config_id for config_id in heads if config_id.isdigit())
        return Model(key=space, heads=heads, layout=self.layout(space), finalists=found)

    def _space_of(self, block: Block) -> str | None:
        """Returns the space of a block, the one with the block's own name where there are more."""
        found = [space for space, its in self.blocks.items() if its == block]
        own = block.label(self.schema)
        if block.form is Form.HEADS:
            own = MULTIHEAD if own == JOINT else f"{own}-heads"
        return own if own in found else next(iter(found), None)


def chosen_configs(built: JointPredictions) -> dict[str, str]:
    """Returns the config of every model of an approach, by its space: what would be served.

    It is the one that most rounds of the cross-fitted choice took, the first of equals.
    """
    choices = built.choices.items()
    return {space: Counter(c.by_round).most_common(1)[0][0] for space, c in choices}


def spaces_of(approaches: Mapping[str, Names]) -> Names:
    """Returns the spaces of some approaches, each once."""
    return tuple(dict.fromkeys(space for spaces in approaches.values() for space in spaces))
