"""Replays stored trials: what would each objective have chosen, and what is that worth to others?

    OMP_NUM_THREADS=1 nice python -m benchmarks.objective --out DIR --space joint --minutes 30
    python -m benchmarks.objective --out DIR > benchmarks/objective_CPU_DATE.md
    python -m benchmarks.objective --out DIR --space age --data FOLDER --weights-dir WEIGHTS

Question: a trial is scored on 60 people. Which score of its validation probabilities finds the
configs that are better on people nobody saw, and how often does it choose one below the default?
A world's configs are trained on every fold (`trial_corpus`); a replay draws as many as a budget
affords, shows an objective one fold of each, and looks at the score on 900 other people of the
models of the other folds. DIR keeps a file a training; the report is of the worlds that are whole.
With photos of one's own a third of the people test.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from benchmarks.objectives import balanced_log_score, hard_macro_f1, soft_macro_f1
from benchmarks.trial_corpus import Corpus, Trained, World, build
from search.analysis.metrics import Floats, Ints
from search.analysis.people import People
from search.analysis.uncertainty.bootstrap import influence

SPACES = ("joint", "age", "multihead", "gender", "mask")
TRIALS = (5, 10, 15, 24)
PENALTIES = (0.5, 1.0, 1.5, 2.0)
_LAST = 3
LATE = f"macro-F1, mean of the last {_LAST} epochs"
_REPLAYS = 1000
_RESAMPLES = 100
_SEED = 0

Score = Callable[[Floats, Ints], float]
_SCORES: dict[str, Score] = {
    "macro-F1": hard_macro_f1,
    "soft macro-F1": soft_macro_f1,
    "balanced log score": balanced_log_score,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains what is missing of the worlds that are asked for, and reports on all whole ones."""
    given = _parse(arguments)
    until = time.monotonic() + 60 * given.minutes
    world = replace(_people(given), configs=given.configs)
    worlds = [replace(world, space=s, draw=draw) for draw in given.draws for s in given.space]
    if given.quick:
        worlds = [
            replace(w, people=40, test_people=40, epochs=3, configs=6, folds=3) for w in worlds
        ]
    corpora = [c for c in (build(w, given.out.resolve(), until) for w in worlds) if c is not None]
    if not corpora:
        print("no world is whole yet; give the same command again", file=sys.stderr)
        return
    print(_head(corpora))
    print(_report(corpora))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Which objective finds the better configs.")
    parser.add_argument("--out", type=Path, required=True, help="folder of pictures and trainings")
    parser.add_argument("--space", nargs="+", default=list(SPACES), choices=SPACES)
    parser.add_argument("--draws", type=int, nargs="+", default=[1], help="drawings of the people")
    parser.add_argument("--configs", type=int, default=24, help="of a world, with the default")
    parser.add_argument("--minutes", type=float, default=1e6, help="to train for at most")
    parser.add_argument("--data", type=Path, help="a folder with a manifest.csv (the demo)")
    parser.add_argument("--weights-dir", type=Path, help="pretrained weights (none)")
    parser.add_argument("--side", type=int, default=32, help="of the network input in pixels (32)")
    parser.add_argument("--epochs", type=int, default=9, help="of every training (9)")
    parser.add_argument("--quick", action="store_true", help="smallest worlds")
    given = parser.parse_args(arguments)
    if given.data and given.quick:
        parser.error("--quick draws fewer people: give it without --data")
    return given


def _people(given: argparse.Namespace) -> World:
    """Returns a world of the people who are asked for, with any space."""
    weights = str(given.weights_dir.resolve()) if given.weights_dir else ""
    world = World(space=SPACES[0], side=given.side, epochs=given.epochs, weights=weights)
    if not given.data:
        return world
    return replace(world, data=str(given.data.resolve())).counted(given.out.resolve())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """A world as every objective sees it.

    Attributes:
        seen: by objective, the score of every config on every fold, [configs, F]; the default is
            the first.
        worth: macro-F1 on other people of the models of the other folds, [configs, F].
        score: macro-F1 on other people of the models of every fold, [configs, F].
        error: standard error of differences of macro-F1, [configs, configs, F].
    """

    seen: dict[str, Floats]
    worth: Floats
    score: Floats
    error: Floats


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
        mixed = [_ranks(seen[name]) for name in (first, second)]
        seen[f"ranks of {first} and {second}"] = (mixed[0] + mixed[1]) / 2
    score = np.array([[one.score for one in row] for row in rows])
    others = score.sum(axis=1, keepdims=True) - score
    return Seen(
        seen=seen,
        worth=others / (score.shape[1] - 1),
        score=score,
        error=_errors(rows, corpus),
    )


def _errors(rows: Sequence[Sequence[Trained]], corpus: Corpus) -> Floats:
    """Returns the standard errors of differences of macro-F1, [configs, configs, F].

    They are those of the people who validate both, to first order.
    """
    errors = np.empty((len(rows), len(rows), len(rows[0])))
    for fold in range(len(rows[0])):
        samples = rows[0][fold].samples
        people = People(
            label=corpus.label[samples],
            person=corpus.person[samples],
            num_classes=corpus.num_classes,
        )
        predicted = np.stack([row[fold].probabilities[-1].argmax(axis=1) for row in rows])
        effects = influence(people.counts(predicted))
        for number, effect in enumerate(effects):
            variance = (effects - effect).var(axis=1, ddof=1)
            errors[number, :, fold] = np.sqrt(people.num_people * variance)
    return errors


def _objectives() -> dict[str, Callable[[Trained, Corpus], float]]:
    found: dict[str, Callable[[Trained, Corpus], float]] = {}
    for name, score in _SCORES.items():
        found[name] = lambda one, corpus, score=score: score(
            one.probabilities[-1], corpus.label[one.samples]
        )
        found[f"{name}, mean of the last {_LAST} epochs"] = lambda one, corpus, score=score: float(
            np.mean([score(p, corpus.label[one.samples]) for p in one.probabilities[-_LAST:]])
        )
    return found


def _ranks(values: Floats) -> Floats:
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
    drawn = np.stack([rng.choice(among, trials - 1, replace=False) for _ in range(_REPLAYS)])
    first = np.zeros((_REPLAYS, 1), dtype=np.int64)
    tried = np.concatenate([first, drawn], axis=1)
    if is_any:
        order = rng.permuted(np.tile(np.arange(trials), (_REPLAYS, 1)), axis=1)
        tried = np.take_along_axis(tried, order, axis=1)
    same = np.broadcast_to(rng.integers(folds, size=(_REPLAYS, 1)), tried.shape)
    own = rng.integers(folds, size=tried.shape)
    found = {
        name: _choice(world, seen[tried, same], tried, same) for name, seen in world.seen.items()
    }
    for name in _SCORES:
        found[f"{name}, a fold of its own a trial"] = _choice(
            world, world.seen[name][tried, own], tried, own
        )
    error = world.error[tried[:, :1], tried, same]
    last = world.seen["macro-F1"]
    is_above = last[tried, same] > last[tried[:, :1], same]  # the chosen never scores lower
    for name in ("macro-F1", LATE):
        score = world.seen[name]
        lead = score[tried, same] - score[tried[:, :1], same]
        lead = np.where(is_above, lead, np.minimum(lead, 0.0))
        for penalty in PENALTIES:
            row = f"{name}, its lead over the default less {penalty:g} standard errors"
            found[row] = _choice(world, lead - penalty * error, tried, same)
    for penalty in PENALTIES:
        row = f"{LATE}, less {penalty:g} standard errors; a second fold for the best third"
        found[row] = _with_second_fold(world, tried, same[:, 0], penalty, rng)
    return found


def _with_second_fold(
    world: Seen, tried: Ints, fold: Ints, penalty: float, rng: np.random.Generator
) -> Choice:
    """Lets the best third of fewer trials be trained on a second fold, too, for the same cost.

    As the second trainings have to be paid for, the last of the trials are never begun; those of
    the default count. Who has no second fold is not chosen.

    Args:
        world: as the objectives see it.
        tried: configs of every replay, [replays, trials].
        fold: the first fold of every replay, [replays].
        penalty: standard errors of the mean lead over both folds that count against it.
        rng: draws the second fold.
    """
    begun, again = _affordable(tried.shape[1])
    tried, rows = tried[:, :begun], np.arange(len(tried))[:, None]
    folds = world.worth.shape[1]
    both = np.stack([fold, (fold + rng.integers(1, folds, size=len(fold))) % folds])[..., None]
    late = world.seen[LATE]
    rank = np.where(
        np.arange(begun) == 0, np.inf, late[tried, both[0]]
    )  # the default is always in
    top = np.argsort(-rank, axis=1, kind="stable")[:, :again]
    chosen = tried[rows, top]
    default = chosen[:, :1]
    last = world.seen["macro-F1"]  # a second training predicts once, at its end
    lead = late[chosen, both[0]] - late[default, both[0]]
    lead = (lead + last[chosen, both[1]] - last[default, both[1]]) / 2
    error = np.sqrt(sum(world.error[default, chosen, each] ** 2 for each in both)) / 2
    surely = np.full(tried.shape, -np.inf)
    surely[rows, top] = lead - penalty * error
    score = world.score[tried]  # [replays, trials, F]
    shown = sum(np.take_along_axis(score, each[..., None], axis=2)[..., 0] for each in both)
    return _choice_of((score.sum(axis=2) - shown) / (folds - 2), surely)


def _affordable(trainings: int) -> tuple[int, int]:
    """Returns how many trials begin and how many of them get a second training."""
    again = {begun: 1 + -(-(begun - 1) // 3) for begun in range(1, trainings)}
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


def _report(corpora: Sequence[Corpus]) -> str:
    worlds = [look(corpus) for corpus in corpora]
    lines = []
    for trials in TRIALS:
        usable = [w for w in worlds if len(w.worth) >= trials]
        for is_any in (False, True) if usable else ():
            heading = f"{trials} trials{', any of them in the place of the default' * is_any}"
            lines += [f"## {heading}", "", *_table(usable, trials, is_any=is_any), ""]
    lines += ["## Worlds", "", *_worlds(corpora, worlds)]
    return "\n".join(lines)


def _table(worlds: Sequence[Seen], trials: int, *, is_any: bool) -> list[str]:
    options = {"trials": trials, "is_any": is_any}
    chosen = _over_worlds(worlds, np.random.default_rng(_SEED), redraw=False, **options)
    resampled = [
        _over_worlds(worlds, np.random.default_rng(1 + number), redraw=True, **options)
        for number in range(_RESAMPLES)
    ]
    lines = [
        "| objective | over the default | below it | regret | best of three | minus macro-F1 |",
        "|---|---|---|---|---|---|",
    ]
    for name, mean in sorted(chosen.items(), key=lambda item: -item[1].gain):
        gaps = [each[name].gain - each["macro-F1"].gain for each in resampled]
        low, high = np.quantile(gaps, [0.025, 0.975])
        lines.append(
            f"| {name} | {mean.gain:+.4f} | {mean.below:.1%} | {mean.regret:.4f} | "
            f"{mean.finalists:+.4f} | {mean.gain - chosen['macro-F1'].gain:+.4f} "
            f"[{low:+.4f}, {high:+.4f}] |"
        )
    return lines


def _over_worlds(
    worlds: Sequence[Seen], rng: np.random.Generator, *, trials: int, is_any: bool, redraw: bool
) -> dict[str, Choice]:
    """Returns the mean over the worlds; with `redraw` of configs drawn anew."""
    every = []
    for world in worlds:
        among = np.arange(1, len(world.worth))
        if redraw:  # with multiplicity: a replay may draw one twice
            among = rng.choice(among, len(among))
        every.append(replays(world, trials, rng, among, is_any=is_any))
    return {
        name: Choice(
            **{
                field: float(np.mean([getattr(one[name], field) for one in every]))
                for field in ("gain", "below", "regret", "finalists")
            }
        )
        for name in every[0]
    }


def _worlds(corpora: Sequence[Corpus], worlds: Sequence[Seen]) -> list[str]:
    lines = [
        "Spearman: of the objective on one fold with the worth, mean over folds.",
        "",
        "| world | configs | default | best | s.d. of worth | Spearman: macro-F1 | soft macro-F1 "
        "| balanced log score | s a training |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for corpus, world in zip(corpora, worlds, strict=True):
        mean = world.worth.mean(axis=1)
        ranks = " | ".join(f"{_spearman(world.seen[name], world.worth):.2f}" for name in _SCORES)
        seconds = np.median([one.seconds for row in corpus.trained.values() for one in row])
        lines.append(
            f"| {corpus.world.name} | {len(mean)} | {mean[0]:.3f} | {mean.max():.3f} | "
            f"{mean.std():.3f} | {ranks} | {seconds:.1f} |"
        )
    return lines


def _spearman(seen: Floats, worth: Floats) -> float:
    pairs = zip(_ranks(seen).T, _ranks(worth).T, strict=True)
    return float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs]))


def _head(corpora: Sequence[Corpus]) -> str:
    world = corpora[0].world
    arguments = " ".join(["python -m benchmarks.objective", *sys.argv[1:]])
    who = f"people of {Path(world.data).name}" if world.data else "demo people"
    return f"""# Which objective finds the better configs

{datetime.now(UTC):%Y-%m-%d}; {platform.machine()}, {os.cpu_count()} cores; Python
{platform.python_version()}, NumPy {np.__version__}, PyTorch {torch.__version__}.
Command: `{arguments}`.

{world.configs} configs of a built-in space, the default and random ones, at {world.side} px, each
trained for {world.epochs} epochs on {world.folds} folds of {world.people} {who}: three
fifths train, one fifth ({world.people // world.folds} people) validates. A replay draws as many of
them as a search tries, with the default; an objective sees one fold of each and chooses. Worth is
the macro-F1 on {world.test_people} other people of the same config trained on the other folds, so
that the luck of the model that was seen is not in it. With a second fold the best third of the
trials, and the default, are trained on another fold as well, and so many fewer trials begin that
both cost the same; worth is that of the three other folds then. {_REPLAYS} replays a world and
row, means over the worlds. "Below it": the chosen config is worth less than the default. "Best of
three": as the refit sees the three best. Intervals: 95 % percentiles over configs drawn anew
({_RESAMPLES} times), the worlds as they are.
"""


if __name__ == "__main__":
    main()
