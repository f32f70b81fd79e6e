"""Replays of searches: which config each objective would have chosen, and what that is worth.

Notation:
    F folds of a world; in a replay some of its configs are tried, the first in place of the
    default.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from benchmarks.objectives import (
    balanced_log_score,
    hard_macro_f1,
    log_probabilities,
    soft_macro_f1,
)
from benchmarks.trial_corpus import Corpus, Trained
from search.analysis.choice import errors_held_back
from search.analysis.metrics import Floats, Ints
from search.analysis.people import People
from search.analysis.uncertainty.bootstrap import influence
from search.tuning.second_fold import LEAST_TRIALS, num_leaders

_LAST = 3
LATE = f"macro-F1, mean of the last {_LAST} epochs"
LATE_LOG = f"balanced log score, mean of the last {_LAST} epochs"
ELSEWHERE = "worth of three folds"
"""As where leaders have a second fold, so that the two compare; else worth is of four."""
REPLAYS = 1000
HeldBack = Callable[[Ints], Floats]
"""Standard errors that leads count less, by their number."""
DUNNETT = "Dunnett's number of"
HELD_BACK: dict[str, HeldBack] = {
    **{
        f"{errors:g}": lambda leads, errors=errors: np.full(leads.shape, errors)
        for errors in (0.5, 1.0, 1.25, 1.5, 2.0)
    },
    DUNNETT: np.vectorize(lru_cache(errors_held_back), otypes=[float]),
}
LOG_HELD_BACK = (2.0, 2.5, 3.0)
"""The same of leads in the log score, which also tells apart how sure two configs are."""
Score = Callable[[Floats, Ints], float]
SCORES: dict[str, Score] = {
    "macro-F1": hard_macro_f1,
    "soft macro-F1": soft_macro_f1,
    "balanced log score": balanced_log_score,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """A world as every objective sees it.

    Attributes:
        seen: by objective, the score of every config on every fold, [configs, F]; the default is
            the first.
        worth: macro-F1 on other people of the models of the other folds, [configs, F].
        score: macro-F1 on other people of the models of every fold, [configs, F].
        error: standard error of differences of macro-F1, [configs, configs, F].
        log_error: the same of the log score, mean of the last epochs.
    """

    seen: dict[str, Floats]
    worth: Floats
    score: Floats
    error: Floats
    log_error: Floats


def look(corpus: Corpus) -> Seen:
    """Returns what the objectives say of every training, and what it is worth."""
    if 0 not in corpus.trained:
        raise ValueError(f"{corpus.world.name}: the default config broke; nothing to compare with")
    rows = [corpus.trained[number] for number in sorted(corpus.trained)]
    seen = {
        name: np.array([[of(one, corpus) for one in row] for row in rows])
        for name, of in _objectives().items()
    }
    for first, second in (("macro-F1", "balanced log score"), ("soft macro-F1", "macro-F1")):
        mixed = [ranks(seen[name]) for name in (first, second)]
        seen[f"ranks of {first} and {second}"] = (mixed[0] + mixed[1]) / 2
    score = np.array([[one.score for one in row] for row in rows])
    others = score.sum(axis=1, keepdims=True) - score
    return Seen(
        seen=seen,
        worth=others / (score.shape[1] - 1),
        score=score,
        error=_errors(rows, corpus, _macro_f1_effects),
        log_error=_errors(rows, corpus, _log_score_effects),
    )


Effects = Callable[[Sequence[Trained], People], Floats]
"""What every person adds to the score of every training, to first order, [configs, people]."""


def _errors(rows: Sequence[Sequence[Trained]], corpus: Corpus, effects_of: Effects) -> Floats:
    """Returns the standard errors of differences, [configs, configs, F]: of who validates both."""
    errors = np.empty((len(rows), len(rows), len(rows[0])))
    for fold in range(len(rows[0])):
        samples = rows[0][fold].samples
        people = People(
            label=corpus.label[samples],
            person=corpus.person[samples],
            num_classes=corpus.num_classes,
        )
        effects = effects_of([row[fold] for row in rows], people)
        for number, effect in enumerate(effects):
            variance = (effects - effect).var(axis=1, ddof=1)
            errors[number, :, fold] = np.sqrt(people.num_people * variance)
    return errors


def _macro_f1_effects(trained: Sequence[Trained], people: People) -> Floats:
    predicted = np.stack([one.probabilities[-1].argmax(axis=1) for one in trained])
    return influence(people.counts(predicted))


def _log_score_effects(trained: Sequence[Trained], people: People) -> Floats:
    """Of a mean over classes of means over their samples: by how much these differ from those."""
    of_people = np.unique(people.person, return_inverse=True)[1]
    sizes = np.bincount(people.label, minlength=people.num_classes)
    weight = 1 / (sizes[people.label] * np.count_nonzero(sizes))
    effects = []
    for one in trained:
        logs = sum(log_probabilities(p, people.label) for p in one.probabilities[-_LAST:])
        logs = logs / len(one.probabilities[-_LAST:])
        means = np.bincount(people.label, weights=logs, minlength=people.num_classes)
        beyond = logs - means[people.label] / sizes[people.label]
        effects.append(np.bincount(of_people, weights=weight * beyond))
    return np.stack(effects)


def _objectives() -> dict[str, Callable[[Trained, Corpus], float]]:
    found: dict[str, Callable[[Trained, Corpus], float]] = {}
    for name, score in SCORES.items():
        found[name] = lambda one, corpus, score=score: score(
            one.probabilities[-1], corpus.label[one.samples]
        )
        found[f"{name}, mean of the last {_LAST} epochs"] = lambda one, corpus, score=score: float(
            np.mean([score(p, corpus.label[one.samples]) for p in one.probabilities[-_LAST:]])
        )
    return found


def ranks(values: Floats) -> Floats:
    """Returns the place of every config in its fold, 0 for the lowest to 1, [configs, F]."""
    return values.argsort(axis=0).argsort(axis=0) / (len(values) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What an objective chose on average.

    Attributes:
        gain: worth of the chosen config over that of the default.
        below: share of the replays in which the chosen one is worth less than the default.
        regret: worth of the best config that was tried over that of the chosen one.
        finalists: worth of the best of the three first ones over that of the default.
    """

    gain: float
    below: float
    regret: float
    finalists: float


def replays(
    world: Seen, trials: int, rng: np.random.Generator, among: Ints, *, is_any: bool
) -> dict[str, Choice]:
    """Lets every objective choose among the same draws.

    Args:
        world: as the objectives see it.
        trials: configs of a search, the default one of them.
        rng: draws the configs and the fold.
        among: numbers of the configs to draw from, without the default.
        is_any: whether any of them stands in for the default.
    """
    folds = world.worth.shape[1]
    drawn = np.stack([rng.choice(among, trials - 1, replace=False) for _ in range(REPLAYS)])
    first = np.zeros((REPLAYS, 1), dtype=np.int64)
    tried = np.concatenate([first, drawn], axis=1)
    if is_any:
        order = rng.permuted(np.tile(np.arange(trials), (REPLAYS, 1)), axis=1)
        tried = np.take_along_axis(tried, order, axis=1)
    same = np.broadcast_to(rng.integers(folds, size=(REPLAYS, 1)), tried.shape)
    own = rng.integers(folds, size=tried.shape)
    found = {
        name: _choice(world, seen[tried, same], tried, same) for name, seen in world.seen.items()
    }
    for name in SCORES:
        found[f"{name}, a fold of its own a trial"] = _choice(
            world, world.seen[name][tried, own], tried, own
        )
    error = world.error[tried[:, :1], tried, same]
    surely: dict[str, Floats] = {}
    for name in ("macro-F1", LATE):
        lead = _leads(world, name, tried, same)
        leads = (lead > 0).sum(axis=1, keepdims=True)
        for errors, held_back in HELD_BACK.items():
            row = f"{name}, its lead over the default less {errors} standard errors"
            surely[row] = lead - held_back(leads) * error
            found[row] = _choice(world, surely[row], tried, same)
    lead = world.seen[LATE_LOG][tried, same] - world.seen[LATE_LOG][tried[:, :1], same]
    error = world.log_error[tried[:, :1], tried, same]
    for times in LOG_HELD_BACK:
        row = f"{LATE_LOG}, its lead over the default less {times:g} standard errors"
        found[row] = _choice(world, lead - times * error, tried, same)
    second = (same[:, 0] + rng.integers(1, folds, size=REPLAYS)) % folds
    if _affordable(trials)[0] < LEAST_TRIALS:
        return found
    for errors, held_back in HELD_BACK.items():
        row = f"{LATE}, less {errors} standard errors; a second fold for the best third"
        found[row] = _with_second_fold(world, tried, same[:, 0], second, held_back)
    row = f"{LATE}, its lead over the default less {DUNNETT} standard errors"
    worth = _elsewhere(world, tried, same[:, 0], second)
    found[f"{row}; {ELSEWHERE}"] = _choice_of(worth, surely[row])
    return found


def _leads(world: Seen, name: str, tried: Ints, fold: Ints) -> Floats:
    """Returns leads over the first of `tried`; none for who is not ahead in the last epoch."""
    score, last = world.seen[name], world.seen["macro-F1"]
    lead = score[tried, fold] - score[tried[:, :1], fold]
    is_above = last[tried, fold] > last[tried[:, :1], fold]
    return np.where(is_above, lead, np.minimum(lead, 0.0))


def _with_second_fold(
    world: Seen, tried: Ints, fold: Ints, second: Ints, held_back: HeldBack
) -> Choice:
    """Lets the best third of fewer trials be trained on a second fold, too, for the same cost.

    As the second trainings have to be paid for, the last of the trials are never begun; those of
    the default count. Who has no second fold is not chosen, as in
    `search.tuning.choice`: it ranks behind.

    Args:
        world: as the objectives see it.
        tried: configs of every replay, [replays, trials].
        fold: the first fold of every replay, [replays].
        second: another of every replay, [replays].
        held_back: standard errors that the mean lead over both folds counts less, by the number
            of those who lead on the first.
    """
    begun, again = _affordable(tried.shape[1])
    tried, rows = tried[:, :begun], np.arange(len(tried))[:, None]
    both = np.stack([fold, second])[..., None]
    first = _leads(world, LATE, tried, both[0])
    is_ahead = first > 0
    is_ahead[:, 0] = True  # the default is trained again, too
    rank = np.where(np.arange(begun) == 0, np.inf, first)
    top = np.argsort(-rank, axis=1, kind="stable")[:, :again]
    chosen = tried[rows, top]
    default = chosen[:, :1]
    last = world.seen["macro-F1"]  # a second training predicts once, at its end
    lead = (first[rows, top] + last[chosen, both[1]] - last[default, both[1]]) / 2
    error = np.sqrt(sum(world.error[default, chosen, each] ** 2 for each in both)) / 2
    surely = np.full(tried.shape, -np.inf)
    leads = (first > 0).sum(axis=1, keepdims=True)
    surely[rows, top] = lead - held_back(leads) * error
    surely[~is_ahead] = -np.inf
    return _choice_of(_elsewhere(world, tried, fold, second), surely)


def _elsewhere(world: Seen, tried: Ints, fold: Ints, second: Ints) -> Floats:
    """Returns the worth of what was tried, [replays, trials], by the folds but two of a replay."""
    score = world.score[tried]  # [replays, trials, F]
    both = np.stack([fold, second], axis=1)[:, None]
    shown = np.take_along_axis(score, np.broadcast_to(both, (*tried.shape, 2)), axis=2)
    return (score.sum(axis=2) - shown.sum(axis=2)) / (score.shape[2] - 2)


def _affordable(trainings: int) -> tuple[int, int]:
    """Returns how many trials begin and how many of them get a second training."""
    again = {begun: min(begun, 1 + num_leaders(begun)) for begun in range(1, trainings)}
    begun = max(begun for begun in again if begun + again[begun] <= trainings)
    return begun, again[begun]


def _choice(world: Seen, seen: Floats, tried: Ints, fold: Ints) -> Choice:
    return _choice_of(world.worth[tried, fold], seen)


def _choice_of(worth: Floats, seen: Floats) -> Choice:
    """Returns what is chosen by `seen`, [replays, trials]; the default is the first."""
    order = np.argsort(-seen, axis=1, kind="stable")
    ranked = np.take_along_axis(worth, order, axis=1)
    default = worth[:, 0]
    return Choice(
        gain=float(np.mean(ranked[:, 0] - default)),
        below=float(np.mean(ranked[:, 0] < default)),
        regret=float(np.mean(worth.max(axis=1) - ranked[:, 0])),
        finalists=float(np.mean(ranked[:, :3].max(axis=1) - default)),
    )
