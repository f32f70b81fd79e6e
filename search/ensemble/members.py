"""The members that an ensemble may take, and those it took, from a finished refit.

Notation: S seeds, N samples, K classes of a head.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from search.analysis.approaches.build import JointPredictions
from search.analysis.ensemble.candidates import Candidate, Heads, StoredNetwork
from search.analysis.ensemble.fit import FittedMember
from search.analysis.metrics import macro_f1
from search.analysis.recombine import recombine
from search.ensemble.sources import ByConfig, Refit
from search.errors import ResultsError
from search.predict.serving_cost import serving_costs
from search.predict.spec import MEMBERS_FOLDER, Member, Part
from search.refit.approaches import heads_of, spaces_of
from search.refit.files import Truth
from search.store.records import FlatValue
from search.store.run_store import RunStore
from trainables.data.schema import JOINT, LabelSchema

CHOSEN = "chosen"
"""Rank of the candidates whose configs are chosen anew in every round."""


def make_candidates(
    refit: Refit,
    built: Sequence[JointPredictions],
    truth: Truth,
    schema: LabelSchema,
    store: RunStore,
) -> tuple[Candidate, ...]:
    """Returns for every approach, seed and config_id a member, and one of the chosen configs.

    The config for the people of fold e is chosen by all other folds, f among them. So predictions
    put together fold by fold would carry labels of f into e, where the ensemble for f is fitted.
    The candidate of the chosen configs therefore has in every round the config which that round's
    fit people chose, for its fit and its apply people alike (`StoredNetwork.picks`).

    Args:
        refit: of all spaces of the approaches.
        built: approaches with the choices of every round.
        truth: labels.
        schema: of the labels.
        store: of the run, which keeps what serving costs.

    Raises:
        ResultsError: a network cannot be built here.
    """
    ms = _costs(refit, store, schema)
    networks = _all_networks(refit, built, truth, schema)
    found = []
    for part in built:
        spaces = spaces_of(part.name, schema)
        shared = [set(refit.plain[space]) for space in spaces]
        config_ids = [r for r in refit.plain[spaces[0]] if all(r in each for each in shared)]
        for config_id in [*config_ids, CHOSEN]:
            for seed in refit.seeds:
                chain = tuple(networks[space, config_id, seed] for space in spaces)
                candidate = Candidate(
                    name=f"{part.name}.{config_id}.{seed}",
                    approach=part.name,
                    networks=chain,
                    cost_ms=refit.num_folds * sum(ms[network.config(-1)] for network in chain),
                )
                found.append(candidate)
    return tuple(found)


def member_of(fitted: FittedMember, refit: Refit, schema: LabelSchema) -> Member:
    """Returns a fitted member as the ensemble's folder describes it."""
    seed = int(fitted.name.rsplit(".", 1)[1])
    parts = []
    for config, temperatures in zip(fitted.configs, fitted.temperatures, strict=True):
        space, config_id = config.rsplit(".", 1)
        mean, std = refit.normalisation[config]
        part = Part(
            space=space,
            config_id=config_id,
            seed=seed,
            heads=heads_of(fitted.approach, space, schema),
            temperatures=temperatures,
            config=refit.configs[config],
            mean=mean,
            std=std,
            files=tuple(
                f"{MEMBERS_FOLDER}/{config}.{seed}.{fold}.safetensors"
                for fold in range(refit.num_folds)
            ),
        )
        parts.append(part)
    return Member(
        name=fitted.name, approach=fitted.approach, weight=fitted.weight, parts=tuple(parts)
    )


def _costs(refit: Refit, store: RunStore, schema: LabelSchema) -> dict[str, float]:
    """Returns the milliseconds a photo of one network of each config, by its name.

    Configs of one backbone and input size differ in their heads alone, which are nothing beside
    the backbone; so one of them is measured.
    """
    like: dict[tuple[FlatValue, FlatValue], str] = {}
    for name, config in refit.configs.items():
        like.setdefault(_weight_class(config), name)
    measured = serving_costs(store, schema, {name: refit.configs[name] for name in like.values()})
    missing = [name for name in like.values() if name not in measured]
    if missing:
        raise ResultsError(
            f"the network of {missing[0]} cannot be built here, so nothing could serve it; "
            "install the packages of the run (study.json names the versions)"
        )
    return {
        name: measured[like[_weight_class(config)]].milliseconds
        for name, config in refit.configs.items()
    }


def _weight_class(config: Mapping[str, FlatValue]) -> tuple[FlatValue, FlatValue]:
    return config["backbone.name"], config["input.size"]


def _all_networks(
    refit: Refit, built: Sequence[JointPredictions], truth: Truth, schema: LabelSchema
) -> dict[tuple[str, str, int], StoredNetwork]:
    """Returns the network of every space, config_id (or CHOSEN) and seed; arrays are shared."""
    found = {}
    for part in built:
        for space in spaces_of(part.name, schema):
            heads, config_ids = heads_of(part.name, space, schema), tuple(refit.plain[space])
            chosen = [config_ids.index(config_id) for config_id in part.choices[space].by_round]
            picks = (*chosen, _best(refit.plain[space], heads, truth, schema))
            configs = tuple(f"{space}.{config_id}" for config_id in config_ids)
            for number, seed in enumerate(refit.seeds):
                plain = _of_seed(refit.plain[space], heads, number)
                mirrored = _of_seed(refit.mirrored[space], heads, number)
                for each, config_id in enumerate(config_ids):
                    found[space, config_id, seed] = StoredNetwork(
                        configs=(configs[each],), heads=(plain[each],), mirrored=(mirrored[each],)
                    )
                found[space, CHOSEN, seed] = StoredNetwork(
                    configs=configs, heads=plain, mirrored=mirrored, picks=picks
                )
    return found


def _of_seed(config_ids: ByConfig, heads: Sequence[str], number: int) -> tuple[Heads, ...]:
    return tuple(
        tuple(probs[head][number].astype(np.float32) for head in heads)
        for probs in config_ids.values()
    )


def _best(config_ids: ByConfig, heads: Sequence[str], truth: Truth, schema: LabelSchema) -> int:
    """Returns the position of the config with the best macro-F1 on all people, mean over seeds."""
    alone = len(heads) == 1 and heads[0] != JOINT
    codes = schema.attribute_codes(truth.label)
    y = codes[:, schema.names.index(heads[0])] if alone else truth.label
    scores = []
    for probs in config_ids.values():
        whole = recombine([probs[head] for head in heads])
        predicted = whole.argmax(axis=-1)
        scores.append(np.mean([macro_f1(y, row, whole.shape[-1]) for row in predicted]))
    return int(np.argmax(scores))
