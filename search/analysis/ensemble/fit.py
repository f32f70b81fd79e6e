"""An ensemble across approaches: calibrated members, weights, class biases.

Notation:
    M candidates, N samples, C joint classes, R rounds of a plan.

All that is fitted comes from the given samples alone: first whether mirrored photos help, then the
temperature of every head, then how weights are found and whether class biases pay
(`search.analysis.ensemble.recipe`), last the weights and the biases themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np
from numpy.typing import ArrayLike

from search.analysis.ensemble.candidates import Candidate, Probs, Temperatures, check_candidates
from search.analysis.ensemble.recipe import CalibratedMembers, Selection, choose_recipe
from search.analysis.ensemble.weights import Limit
from search.analysis.errors import AnalysisError
from search.analysis.fitting.calibration import Method, fit_calibration
from search.analysis.fitting.class_biases import predict_with_biases
from search.analysis.metrics import Floats, Ints, macro_f1
from search.analysis.people import People

ALL_PEOPLE = -1  # in place of a round of the plan


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedMember:
    """A candidate with what was fitted to it: a weight > 0, and configs for its networks.

    Temperatures are those of every network's heads; calibrated p = softmax(log p / T).
    """

    name: str
    approach: str
    weight: float
    configs: tuple[str, ...]
    temperatures: Temperatures


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedEnsemble:
    """What is deployed: p = sum of weight * member's joint p; class = argmax(log p + bias).

    Attributes:
        members: heaviest first; weights sum to 1.
        mirrored: every network's probabilities are averaged with those of the mirrored photo,
            before calibration.
        biases: one per joint class; all 0 where biases do not pay.
        selection: where the weights come from.
    """

    members: tuple[FittedMember, ...]
    mirrored: bool
    biases: tuple[float, ...]
    selection: Selection

    def probs(self, candidates: Sequence[Candidate], samples: ArrayLike | None = None) -> Probs:
        """Returns the joint probabilities, float32 [n, C], of `samples`, int [n]; all if None."""
        named = {candidate.name: candidate for candidate in candidates}
        rows = _rows(candidates[0].num_samples, samples)
        mixed = np.zeros((len(rows), len(self.biases)))
        for member in self.members:
            candidate = named[member.name]
            mixed += member.weight * candidate.probs(
                member.configs, member.temperatures, rows, self.mirrored
            )
        return mixed.astype(np.float32)

    def predict(self, probs: ArrayLike) -> Ints:
        """Returns the classes, int [n], of the probabilities [n, C] that `probs` gave."""
        return predict_with_biases(probs, self.biases)


def fit_ensemble(
    candidates: Sequence[Candidate],
    people: People,
    *,
    limit: Limit,
    seed: int,
    only: Sequence[str] = (),
    samples: ArrayLike | None = None,
    when: int = ALL_PEOPLE,
) -> FittedEnsemble:
    """Returns the ensemble of the given samples.

    Args:
        candidates: different names, the same samples.
        people: with their joint classes.
        limit: on members or milliseconds.
        seed: of inner splits and CMA-ES.
        only: names of members that take equal weights instead of a selection.
        samples: int [n], the samples that may decide; all if None. No label of another is read.
        when: round of the plan whose configs the candidates take, where they have a choice.

    Raises:
        AnalysisError: candidates that do not fit the people, a name in `only` that is no
            candidate, or no candidate within the limit.
    """
    check_candidates(candidates, people)
    pool = _named(candidates, only) if only else tuple(candidates)
    rows = _rows(len(people), samples)
    deciding = people.part(rows)
    mirrored = _mirrored_pays(pool, deciding.label, rows, when, limit)
    temperatures = _temperatures(pool, deciding.label, rows, when, mirrored)
    rng = np.random.default_rng([seed, when + 1])
    networks = CalibratedMembers(
        probs=np.stack(
            [
                candidate.probs(candidate.configs(when), own, rows, mirrored)
                for candidate, own in zip(pool, temperatures, strict=True)
            ]
        ),
        costs_ms=np.array([candidate.cost_ms for candidate in pool]),
        limit=limit,
        seed=int(rng.integers(2**31)),
    )
    selections = (Selection.SINGLE,) if only else (Selection.GREEDY, Selection.CMA_ES)
    recipe = choose_recipe(networks, deciding, selections, rng)
    weights, biases = networks.fit(deciding.label, recipe)
    return FittedEnsemble(
        members=_members(pool, when, temperatures, weights),
        mirrored=mirrored,
        biases=tuple(biases.tolist()),
        selection=recipe.selection,
    )


def _members(
    pool: Sequence[Candidate], when: int, temperatures: Sequence[Temperatures], weights: Floats
) -> tuple[FittedMember, ...]:
    """Returns those with a weight, heaviest first."""
    found = [
        FittedMember(
            name=candidate.name,
            approach=candidate.approach,
            weight=float(weight),
            configs=candidate.configs(when),
            temperatures=own,
        )
        for candidate, weight, own in zip(pool, weights, temperatures, strict=True)
        if weight > 0
    ]
    return tuple(sorted(found, key=lambda member: -member.weight))


def _rows(num_samples: int, samples: ArrayLike | None) -> Ints:
    return np.arange(num_samples) if samples is None else np.asarray(samples, dtype=np.int64)


def _named(candidates: Sequence[Candidate], names: Sequence[str]) -> tuple[Candidate, ...]:
    named = {candidate.name: candidate for candidate in candidates}
    unknown = [name for name in names if name not in named]
    if unknown:
        raise AnalysisError(f"unknown members {unknown}; candidates: {', '.join(named)}")
    return tuple(named[name] for name in names)


def _mirrored_pays(
    pool: Sequence[Candidate], y: Ints, rows: Ints, when: int, limit: Limit
) -> bool:
    """Returns whether the candidates' mean macro-F1 is higher with mirrored photos.

    `y` int [n] are the true classes of `rows`.

    The mean over all of them, because that of a selection is noisier than the effect (+0.001 in
    the founding competition, where ensembling gave +0.01 to +0.02).
    """
    if limit.max_ms is not None or not all(candidate.has_mirrored for candidate in pool):
        return False
    plain, mirrored = (
        fsum(_score(candidate, y, rows, when, mirrored=which) for candidate in pool)
        for which in (False, True)
    )
    return mirrored > plain


def _score(candidate: Candidate, y: Ints, rows: Ints, when: int, *, mirrored: bool) -> float:
    predicted = candidate.predicted(when, rows, mirrored)
    return macro_f1(y, predicted, candidate.layout.num_classes)


def _temperatures(
    pool: Sequence[Candidate], y: Ints, rows: Ints, when: int, mirrored: bool
) -> list[Temperatures]:
    """Returns the temperatures of all candidates; a head that several share is fitted once.

    `y` int [n] are the true classes of `rows`.
    """
    known: dict[int, float] = {}  # by identity of the head's array
    found = []
    for candidate in pool:
        labels = iter(candidate.layout.head_labels(y))
        own = []
        for network in candidate.networks:
            config = network.config(when)
            heads = network.heads[network.configs.index(config)]
            for which, head in enumerate(heads):
                true = next(labels)
                if id(head) not in known:
                    output = network.output(config, which, rows, mirrored)
                    fitted = fit_calibration(output, true, Method.TEMPERATURE)
                    known[id(head)] = fitted.temperature
            own.append(tuple(known[id(head)] for head in heads))
        found.append(tuple(own))
    return found
