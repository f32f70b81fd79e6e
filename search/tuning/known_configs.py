"""The configs that a study begins with: the default config and the warm starts, in the space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from search.analysis.wording import plural
from search.prepare.offered import default_within, distributions, nearest
from search.store.portfolio_file import SIZE, Candidate
from spaces.errors import SpaceError
from spaces.scale import Scale
from spaces.space import Schema, Space
from trainables.blocks import FlatValue
from trainables.config import is_name
from trainables.errors import in_short

_NAMED = 5
"""Skipped configs that a line names."""


_OF_THE_DATA = frozenset({"age.old_from"})
"""What is offered of these follows from the data: the founding case's cut fits its ages alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownConfig:
    """A config that a study begins with.

    Attributes:
        config: parameters by dotted names.
        origin: where another run found it; empty for the default config and what a space asks for.
    """

    config: Mapping[str, FlatValue]
    origin: str = ""


def known_configs(
    space: Space, schema: Schema, scale: Scale, portfolio: Sequence[Candidate] = ()
) -> tuple[KnownConfig, ...]:
    """Returns different configs to begin with; the default config is the first.

    After it come the warm starts of the space, then those of a portfolio that fit it.
    """
    offered = distributions(space, schema, scale)
    default = default_within(space, schema, scale)
    known = [KnownConfig(config=default)]
    for extra in space.warm_start:
        # What is not searched on this data would only repeat the default config.
        offers = {
            name: value for name, value in extra.items() if _is_offered(offered, name, value)
        }
        known.append(KnownConfig(config={**default, **offers}))
    known += [
        KnownConfig(config={**default, **each.flat}, origin=each.name)
        for each in portfolio
        if _misfit(offered, each) is None
    ]
    configs = [each.config for each in known]
    return tuple(each for i, each in enumerate(known) if each.config not in configs[:i])


def _is_offered(offered: Mapping[str, BaseDistribution], name: str, value: FlatValue) -> bool:
    return name in offered and nearest(offered[name], value) == value


def few_of(
    portfolio: Sequence[Candidate], spaces: Sequence[Space], schema: Schema, scale: Scale
) -> tuple[Candidate, ...]:
    """Returns a portfolio without what is one too many: several runs together have more configs.

    Of a space with more than `SIZE` that fit it, as many are kept that cover the others best by
    their leads over the default config of their own run, for scores of other people are others.
    What does not fit its space stays, for the plan to say so.
    """
    dropped: set[int] = set()
    for space in spaces:
        offered = distributions(space, schema, scale)
        fits = [
            place
            for place, each in enumerate(portfolio)
            if each.space == space.name and _misfit(offered, each) is None
        ]
        if len(fits) > SIZE:
            from search.analysis.portfolio import cover  # loads what a run begins without

            params = [portfolio[place].params for place in fits]
            kept = cover(params, [_lead(portfolio[place]) for place in fits], SIZE)
            dropped |= set(fits) - {fits[place] for place in kept}
    return tuple(each for place, each in enumerate(portfolio) if place not in dropped)


def _lead(candidate: Candidate) -> float:
    """Returns by how much a config was above the default one; 0 where that gave no score."""
    default = candidate.default_score
    return 0.0 if default is None else candidate.score - default


def check_warm_starts(space: Space, schema: Schema, scale: Scale) -> None:
    """Raises SpaceError where a warm start sets an unknown name or a value not in the space."""
    offered = distributions(space, schema, scale)
    default = space.default_config(schema, scale)
    for extra in space.warm_start:
        for name, value in extra.items():
            # What this data has no use for, such as a cut of raw ages that it lacks, is left out.
            if name not in offered and name not in default and not is_name(name):
                raise SpaceError(
                    f"a warm start of space {space.name!r} may set only what the space searches, "
                    f"got {name}={value!r}; searched are {', '.join(sorted(offered)) or 'none'}"
                )
            if name in offered and not (_is_offered(offered, name, value) or name in _OF_THE_DATA):
                raise SpaceError(
                    f"a warm start of space {space.name!r} must lie in the space, got "
                    f"{name}={value!r} for {offered[name]}"
                )


def warm_start_line(
    portfolio: Sequence[Candidate], spaces: Sequence[Space], schema: Schema, scale: Scale
) -> str:
    """Returns one line: how many configs of a portfolio are tried, and which are skipped and why.

    Args:
        portfolio: configs of other runs.
        spaces: of this run.
        schema: of its data.
        scale: what the spaces offer.
    """
    offered = {space.name: distributions(space, schema, scale) for space in spaces}
    skipped = []
    for each in portfolio:
        why = f"no space {each.space}"
        if each.space in offered:
            why = _misfit(offered[each.space], each) or ""
        if why:
            skipped.append(f"{each.name} ({in_short(ValueError(why))})")
    number = sum(
        bool(known.origin)
        for space in spaces
        for known in known_configs(
            space, schema, scale, [each for each in portfolio if each.space == space.name]
        )
    )
    text = f"tried after the default config: {plural(number, 'config')} of other runs"
    if twice := len(portfolio) - len(skipped) - number:
        text += f"; {twice} more that {'is' if twice == 1 else 'are'} tried anyway"
    if not skipped:
        return text
    more = f" and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else ""
    return f"{text}; {len(skipped)} skipped: {', '.join(skipped[:_NAMED])}{more}"


def _misfit(offered: Mapping[str, BaseDistribution], candidate: Candidate) -> str | None:
    """Returns what of a config is not in a space, or None where it fits."""
    for name, value in candidate.flat.items():
        if name not in offered:
            return f"{name} is not searched"
        if not _offers(offered[name], value):
            return f"{name}={value!r} is not on offer"
    return None


def _offers(distribution: BaseDistribution, value: FlatValue) -> bool:
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    is_whole = not isinstance(distribution, IntDistribution) or value == int(value)
    return is_whole and nearest(distribution, value) == value
