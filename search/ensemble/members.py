"""The members that an ensemble may take, and those it took, from a finished refit.

Notation: S seeds, N samples, K classes of a head.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from search.analysis.approaches.build import JointPredictions
from search.analysis.ensemble.candidates import Candidate, Heads, StoredNetwork
from search.analysis.ensemble.fit import FittedMember
from search.analysis.metrics import macro_f1
from search.errors import ResultsError
from search.predict.serving_cost import serving_costs
from search.predict.spec import MEMBERS_FOLDER, Member, Part
from search.refit.refitted import Refitted
from search.refit.units import config_file, config_name
from trainables.blocks import FlatValue

CHOSEN = "chosen"
"""Config of the candidates whose configs are chosen anew in every round."""

ByConfig = Mapping[str, Mapping[str, NDArray[np.float64]]]
"""Probabilities [S, N, K] by config and head."""


def make_candidates(
    refitted: Refitted, built: Sequence[JointPredictions], *, here: bool = False
) -> tuple[Candidate, ...]:
    """Returns for every approach, seed and config a member, and one of the chosen configs.

    The config for the people of fold e is chosen by all other folds, f among them. So predictions
    put together fold by fold would carry labels of f into e, where the ensemble for f is fitted.
    The candidate of the chosen configs therefore has in every round the config which that round's
    fit people chose, for its fit and its apply people alike (`StoredNetwork.picks`).

    Args:
        refitted: the refit.
        built: predictions of the approaches.
        here: what a member costs must have been measured on this machine.

    Raises:
        ResultsError: a network cannot be built here.
    """
    ms = _costs(refitted, here=here)
    networks = _all_networks(refitted, built)
    found = []
    for approach in built:
        spaces = refitted.lineup.approaches[approach.name]
        shared = [set(refitted.predictions[space]) for space in spaces]
        first = refitted.predictions[spaces[0]]
        config_ids = [each for each in first if all(each in known for known in shared)]
        for config_id in [*config_ids, CHOSEN]:
            for seed in refitted.seeds:
                chain = tuple(networks[space, config_id, seed] for space in spaces)
                candidate = Candidate(
                    name=f"{approach.name}.{config_id}.{seed}",
                    approach=approach.name,
                    networks=chain,
                    layout=refitted.lineup.layout(*spaces),
                    cost_ms=refitted.num_folds * sum(ms[network.config(-1)] for network in chain),
                )
                found.append(candidate)
    return tuple(found)


def member_of(fitted: FittedMember, refitted: Refitted) -> Member:
    """Returns a fitted member as the ensemble's folder describes it."""
    seed = int(fitted.name.rsplit(".", 1)[1])
    parts = []
    for config, temperatures in zip(fitted.configs, fitted.temperatures, strict=True):
        space, config_id = config.rsplit(".", 1)
        mean, std = refitted.normalisation(space, config_id)
        part = Part(
            space=space,
            config_id=config_id,
            seed=seed,
            heads=tuple(refitted.lineup.heads(space)),
            temperatures=temperatures,
            config=refitted.config(space, config_id),
            mean=mean,
            std=std,
            files=tuple(
                f"{MEMBERS_FOLDER}/{config_file(space, config_id)}.{seed}.{fold}.safetensors"
                for fold in range(refitted.num_folds)
            ),
        )
        parts.append(part)
    return Member(
        name=fitted.name, approach=fitted.approach, weight=fitted.weight, parts=tuple(parts)
    )


def _costs(refitted: Refitted, *, here: bool) -> dict[str, float]:
    """Returns the milliseconds per photo of one network of each config, by its name.

    Configs of one backbone and input size differ in their heads alone, which are nothing beside
    the backbone; so one of them is measured.
    """
    configs = {
        config_name(space, config_id): refitted.config(space, config_id)
        for space, known in refitted.predictions.items()
        for config_id in known
    }
    like: dict[tuple[FlatValue, FlatValue], str] = {}
    for name, config in configs.items():
        like.setdefault(_weight_class(config), name)
    asked = {name: configs[name] for name in like.values()}
    measured = serving_costs(refitted.store, refitted.lineup.schema, asked, here=here)
    missing = [name for name in like.values() if name not in measured]
    if missing:
        raise ResultsError(
            f"the network of {missing[0]} cannot be built here, so nothing could serve it; "
            "install the packages of the run (study.json names the versions)"
        )
    return {
        name: measured[like[_weight_class(config)]].milliseconds
        for name, config in configs.items()
    }


def _weight_class(config: Mapping[str, FlatValue]) -> tuple[FlatValue, FlatValue]:
    return config["backbone.name"], config["input.size"]


def _all_networks(
    refitted: Refitted, built: Sequence[JointPredictions]
) -> dict[tuple[str, str, int], StoredNetwork]:
    """Returns the network of every space, config (or CHOSEN) and seed; arrays are shared."""
    found: dict[tuple[str, str, int], StoredNetwork] = {}
    mirrored = refitted.mirrored
    for space, choice in {s: c for each in built for s, c in each.choices.items()}.items():
        plain, heads = refitted.predictions[space], tuple(refitted.lineup.heads(space))
        config_ids = tuple(plain)
        chosen = [config_ids.index(config_id) for config_id in choice.by_round]
        configs = tuple(config_name(space, config_id) for config_id in config_ids)
        for number, seed in enumerate(refitted.seeds):
            shown = _of_seed(plain, heads, number)
            turned = _of_seed(mirrored[space], heads, number)
            for each, config_id in enumerate(config_ids):
                found[space, config_id, seed] = StoredNetwork(
                    configs=(configs[each],), heads=(shown[each],), mirrored=(turned[each],)
                )
            found[space, CHOSEN, seed] = StoredNetwork(
                configs=configs,
                heads=shown,
                mirrored=turned,
                picks=(*chosen, _best(refitted, space)),
            )
    return found


def _of_seed(configs: ByConfig, heads: Sequence[str], number: int) -> tuple[Heads, ...]:
    return tuple(
        tuple(probs[head][number].astype(np.float32) for head in heads)
        for probs in configs.values()
    )


def _best(refitted: Refitted, space: str) -> int:
    """Returns the position of the config with the best macro-F1 on all people, mean over seeds."""
    layout = refitted.lineup.layout(space)
    y = layout.label(refitted.truth.label)
    scores = []
    for probs in refitted.predictions[space].values():
        whole = layout.joint([probs[head] for head in refitted.lineup.heads(space)])
        predicted = whole.argmax(axis=-1)
        scores.append(np.mean([macro_f1(y, row, layout.num_classes) for row in predicted]))
    return int(np.argmax(scores))
