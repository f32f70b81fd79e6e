"""Times the ensemble at the size of a large run, and prints the report in Markdown.

    python -m benchmarks.ensemble_selection
    python -m benchmarks.ensemble_selection --people 300 --members 12

Claims, on 2 cores: one greedy selection of 30 steps over 60 members x 18,900 samples x 18 classes
takes less than 20 s, and nested over 5 folds less than 60 s.
"""

import argparse
import os
import platform
import resource
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search.analysis.ensemble.candidates import Candidate, StoredNetwork
from search.analysis.ensemble.gain import Baseline
from search.analysis.ensemble.nested import Finding, find_ensemble
from search.analysis.ensemble.weights import Limit, cma_weights, greedy_selection
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.metrics import macro_f1
from search.analysis.people import People
from search.analysis.recombine import HeadLayout
from tests.search.builders.simulated_errors import NUM_CLASSES
from tests.search.builders.simulated_people import World, simulate

NUM_FOLDS = 5
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs every part and prints the report."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--people", type=int, default=2_700, help="of 7 photos each")
    parser.add_argument("--members", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args(arguments)
    probs, y, g = members(wanted.people, wanted.members, wanted.seed)
    print(
        f"# Ensemble: {wanted.members} members x {len(y)} samples x {NUM_CLASSES} classes\n\n"
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}, OMP_NUM_THREADS {os.environ.get('OMP_NUM_THREADS', 'all')}, "
        f"Python {platform.python_version()}, NumPy {np.__version__}.\n\n"
        "| what | s | macro-F1 on the people it selected on | on the others |\n|---|---|---|---|"
    )
    weights = _one_selection(probs, y)
    _nested_selection(probs, y, g)
    _one_cma(probs, y, weights)
    _whole(probs, y, g, wanted.seed)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nPeak memory of the process: {peak:.0f} MiB.")


def members(num_people: int, num_members: int, seed: int) -> tuple[Floats, Ints, Ints]:
    """Returns probabilities [M, N, C] of simulated models, labels [N] and people [N].

    A model gives its predicted class (`simulated_people`) most, the true class a share that grows
    with what it knows, and every class some noise.
    """
    rng = np.random.default_rng(seed)
    factors = tuple(rng.uniform(1.0, 1.6, num_members))
    world = World(num_people=num_people, shared=0.8, error_factors=factors)
    sample = simulate(world, rng)
    probs = np.empty((num_members, len(sample.y), NUM_CLASSES), dtype=np.float32)
    for index, predicted in enumerate(sample.predicted[:, 0]):
        scores = rng.normal(size=probs.shape[1:])
        scores[np.arange(len(sample.y)), predicted] += rng.uniform(2.0, 6.0, len(sample.y))
        scores[np.arange(len(sample.y)), sample.y] += 1.0
        odds = np.exp(scores)
        probs[index] = odds / odds.sum(axis=1, keepdims=True)
    return probs, sample.y, sample.g


def _one_selection(probs: Floats, y: Ints) -> Ints:
    started = time.perf_counter()
    counts = greedy_selection(probs, y, num_steps=30, limit=Limit())
    seconds = time.perf_counter() - started
    best = max(_score(one, y) for one in probs)
    print(f"| the best member alone | | {best:.4f} | |")
    print(f"| one greedy selection, 30 steps | {seconds:.1f} | {_mixed(counts, probs, y):.4f} | |")
    return counts


def _nested_selection(probs: Floats, y: Ints, g: Ints) -> None:
    started = time.perf_counter()
    mixed = np.empty(probs.shape[1:], dtype=np.float32)
    for fold in range(NUM_FOLDS):
        fit, apply = g % NUM_FOLDS != fold, g % NUM_FOLDS == fold
        counts = greedy_selection(probs[:, fit], y[fit], num_steps=30, limit=Limit())
        mixed[apply] = np.tensordot(counts.astype(np.float32), probs[:, apply], axes=1)
    seconds = time.perf_counter() - started
    print(
        f"| greedy selection nested over {NUM_FOLDS} folds | {seconds:.1f} | | "
        f"{_score(mixed, y):.4f} |"
    )


def _one_cma(probs: Floats, y: Ints, start: Ints) -> None:
    started = time.perf_counter()
    weights = cma_weights(probs, y, start, seed=0)
    seconds = time.perf_counter() - started
    print(
        f"| CMA-ES weights of its {np.count_nonzero(start)} members | {seconds:.1f} | "
        f"{_mixed(weights, probs, y):.4f} | |"
    )


def _whole(probs: Floats, y: Ints, g: Ints, seed: int) -> None:
    """Times all of it: temperatures, recipes, weights, biases, gains, and what is deployed."""
    started = time.perf_counter()
    found = find(probs, y, g, seed)
    seconds = time.perf_counter() - started
    fitted = found.fitted
    recipe = f"{fitted.selection}{' + biases' * any(fitted.biases)}"
    print(
        f"| `find_ensemble`, everything nested ({len(fitted.members)} members, {recipe}) | "
        f"{seconds:.1f} | | {found.score.value:.4f} |"
    )


def find(probs: Floats, y: Ints, g: Ints, seed: int) -> Finding:
    """Returns the ensemble of joint models, three of which are the approach to beat."""
    layout = HeadLayout((NUM_CLASSES,), ((0,),))
    candidates = [
        Candidate(
            name=f"joint.{index}",
            approach="joint",
            networks=(StoredNetwork(configs=(f"joint.{index}",), heads=((one,),)),),
            layout=layout,
        )
        for index, one in enumerate(probs)
    ]
    baseline = Baseline(
        name="joint",
        predicted=probs[:3].mean(axis=0).argmax(axis=1).astype(np.int64),
        members=tuple(candidate.name for candidate in candidates[:3]),
    )
    cross_fit = CrossFit.of_people(g % NUM_FOLDS, g)
    people = People(label=y, person=g, num_classes=NUM_CLASSES)
    return find_ensemble(candidates, people, cross_fit, [baseline], limit=Limit(), seed=seed)


def _score(probs: Floats, y: Ints) -> float:
    return macro_f1(y, probs.argmax(axis=1), NUM_CLASSES)


def _mixed(weights: NDArray[np.generic], probs: Floats, y: Ints) -> float:
    return _score(np.tensordot(weights.astype(np.float32), probs, axes=1), y)


if __name__ == "__main__":
    main()
