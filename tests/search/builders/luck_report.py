"""The luck of repeated searches in Markdown."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from search.analysis.metrics import Floats
from search.analysis.people import People
from search.analysis.uncertainty.interval import ALPHA
from search.analysis.verdict.judging import estimates_of
from tests.search.builders.luck_scores import (
    Scores,
    expected_scores,
    out_of_fold_scores,
    verdict_variance,
)
from tests.search.builders.luck_variance import (
    Component,
    Luck,
    Term,
    component,
    false_wins,
    luck,
    mean_of,
    scaled,
)
from tests.search.builders.repeated_searches import FRESH, SAME, Repeat

NUM_RESAMPLES = 400
ERRORS = {300: 0.0200, 900: 0.0123, 2_700: 0.0072}
"""True standard error of a pair by number of people, without luck of the search: 3 refit seeds,
training s.d. 0.005, simulated people of the competition. Where training luck is counted once, the
median half-widths are 0.0446, 0.0251 and 0.0157, and 1.14, 1.04 and 1.11 times those of the truth,
each 1.96 standard errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Repeats of both kinds and their scores.

    Attributes:
        repeats: by kind.
        expected: on the people who test.
        out_of_fold: on the people of each repeat.
        num_classes: joint ones.
    """

    repeats: Mapping[str, Sequence[Repeat]]
    expected: Mapping[str, Sequence[Scores]]
    out_of_fold: Mapping[str, Sequence[Scores]]
    num_classes: int

    @classmethod
    def of(cls, repeats: Mapping[str, Sequence[Repeat]], people: People) -> "Found":
        """Scores the repeats; `people` are those who test."""
        num = people.num_classes
        return cls(
            repeats=repeats,
            expected={k: [expected_scores(r, people) for r in rs] for k, rs in repeats.items()},
            out_of_fold={k: [out_of_fold_scores(r, num) for r in rs] for k, rs in repeats.items()},
            num_classes=num,
        )

    def resampled(self, rng: np.random.Generator) -> "Found":
        """Returns as many repeats of each kind, drawn with replacement.

        Draws that have two finalists in fewer than two repeats of the same people say nothing of
        them and are drawn again.
        """
        while True:
            drawn = {
                k: rng.integers(0, len(rs), len(rs)).tolist() for k, rs in self.repeats.items()
            }
            if sum(len(self.expected[SAME][i].finalists) > 1 for i in drawn[SAME]) > 1:
                break
        return Found(
            repeats={k: [self.repeats[k][i] for i in rows] for k, rows in drawn.items()},
            expected={k: [self.expected[k][i] for i in rows] for k, rows in drawn.items()},
            out_of_fold={k: [self.out_of_fold[k][i] for i in rows] for k, rows in drawn.items()},
            num_classes=self.num_classes,
        )

    @property
    def all_expected(self) -> list[Scores]:
        """Of both kinds of repeats."""
        return [*self.expected[SAME], *self.expected[FRESH]]

    @property
    def all_out_of_fold(self) -> list[Scores]:
        """Of both kinds of repeats."""
        return [*self.out_of_fold[SAME], *self.out_of_fold[FRESH]]


def report(found: Found) -> str:
    """Returns the sections of the report in Markdown."""
    parts = (_repeats(found), _components(found), _pairs(found), _projected(found))
    seconds = sum(sum(r.seconds[1:]) for rs in found.repeats.values() for r in rs)
    return "\n".join((*parts, f"All repeats together took {seconds / 60:.0f} minutes.\n"))


def _repeats(found: Found) -> str:
    rows = []
    for kind, repeats in found.repeats.items():
        for number, repeat in enumerate(repeats):
            expected, judged = found.expected[kind][number], found.out_of_fold[kind][number]
            taken = np.bincount(repeat.chosen, minlength=len(repeat.config_ids)) / len(repeat.fold)
            choice = ", ".join(
                f"{config} {share:.0%}"
                for config, share in zip(repeat.config_ids, taken, strict=True)
                if share
            )
            values = [each.value for each in (expected.approach, *expected.configs)]
            cells = [f"{value:.3f}" for value in (*values, judged.approach.value)]
            blank = [""] * (max(0, 5 - len(cells)))
            middle = [*cells[1:-2], *blank, cells[-2]]
            rows.append([f"{kind} {number}", cells[0], *middle, cells[-1], choice])
    head = ["repeat", "approach", "best config", "second", "default", "out of fold", "chosen"]
    text = (
        "Macro-F1 that is expected: the fold models scored on the people who test, mean over "
        "folds and seeds; beside it the approach's score out of fold on its own people. "
        "`chosen`: the config taken by the cross-fitted choice, by share of the photos."
    )
    return _section("Repeats", text, head, rows)


def lucks(found: Found) -> dict[str, Luck]:
    """Returns what the variances of the expected and the judged scores are made of."""
    same, fresh, every = found.expected[SAME], found.expected[FRESH], found.all_expected
    judged = found.all_out_of_fold
    approach = {
        kind: luck([[each.approach for each in scores]], [scores[0].strata])
        for kind, scores in ((SAME, same), (FRESH, fresh))
    }
    return {
        **approach,
        "default": luck([[each.default for each in same]], [same[0].strata]),
        "finalists": _within(every),
        "finalists, same": _within(same),
        "configs": luck([s.configs for s in every], [s.strata for s in every]),
        "means": luck([[mean_of(s.finalists) for s in same if s.finalists]], [same[0].strata]),
        "judged": _within(judged),
        "judged configs": luck([s.configs for s in judged], [s.strata for s in judged]),
    }


def _within(scores: Sequence[Scores]) -> Luck:
    return luck([s.finalists for s in scores], [s.strata for s in scores])


def components(found: Found) -> dict[str, Component]:
    """Returns every luck that the report tells, by what it is called there."""
    parts = lucks(found)
    same, fresh = parts[SAME], parts[FRESH]
    share = np.mean([1 / len(s.finalists) for s in found.expected[SAME] if s.finalists])
    between = (*parts["means"].terms, *scaled(parts["finalists, same"].terms, -float(share)))
    named: dict[str, Sequence[Term]] = {
        "**search** (same people)": same.terms,
        "people trained on, beside it": _people(same, fresh),
        "search and people together (fresh people)": fresh.terms,
        "training, of an approach's mean over folds and seeds": same.of_training,
        "**finalists of one search** (best configs), all repeats": parts["finalists"].terms,
        "the same, repeats of the same people alone": parts["finalists, same"].terms,
        "finalists and default": parts["configs"].terms,
        "searches beyond what their finalists differ by": between,
        "control: the default config over the same repeats": parts["default"].terms,
        "finalists of one search, as out-of-fold scores show it": parts["judged"].terms,
        "finalists and default, as out-of-fold scores show it": parts["judged configs"].terms,
    }
    return {name: component(terms) for name, terms in named.items()}


def _components(found: Found) -> str:
    rng, parts = np.random.default_rng(0), lucks(found)
    drawn = [components(found.resampled(rng)) for _ in range(NUM_RESAMPLES)]
    rows = []
    for name, each in components(found).items():
        sd, low, high = each.sd
        sds = np.percentile([one[name].sd[0] for one in drawn], (2.5, 97.5))
        variance = f"{each.value * 1e4:.2f}"
        normal, resampled = f"[{low:.4f}, {high:.4f}]", f"[{sds[0]:.4f}, {sds[1]:.4f}]"
        rows.append([name, f"{sd:.4f}", normal, resampled, variance])
    text = (
        "Standard deviations of the expected macro-F1, with what training and the people who test "
        "add taken off. `normal`: modified large samples, the chi-square limits of every mean "
        f"square; `resampled`: percentiles of {NUM_RESAMPLES} draws of whole repeats, which make "
        "no such assumption and are somewhat low and narrow for so few. A variance below zero is "
        "smaller than its own error and has s.d. 0."
    )
    after = "".join(
        f"Variance of the search less that of {name}, all repeats: {_less(parts[SAME], other)}.\n"
        for name, other in (
            ("the finalists", parts["finalists"]),
            ("the finalists and the default", parts["configs"]),
        )
    )
    head = ["luck of", "s.d.", "95 %, normal", "95 %, resampled", "variance, 1e-4"]
    return _section("Whose luck it is", text, head, rows) + "\n" + after


def _less(search: Luck, configs: Luck) -> str:
    found = component((*search.terms, *scaled(configs.terms, -1.0)))
    low, high = found.low * 1e4, found.high * 1e4
    return f"{found.value * 1e4:+.2f}e-4, 95 % [{low:+.2f}e-4, {high:+.2f}e-4]"


def _people(same: Luck, fresh: Luck) -> tuple[Term, ...]:
    return (*fresh.with_training, *scaled(same.with_training, -1.0))


def _pairs(found: Found) -> str:
    scores = found.out_of_fold[SAME]
    parts = lucks(found)
    seen, wide = (
        max(0.0, component(parts[name].terms).value) for name in ("judged", "judged configs")
    )
    pairs = list(combinations(scores, 2))
    square = [(a.approach.value - b.approach.value) ** 2 for a, b in pairs]
    known = np.array([verdict_variance(a, b) for a, b in pairs])
    rows = []
    for name, variance in (
        ("no term for the search", known),
        ("+ the finalists' variance on each side, of all repeats", known + 2 * seen),
        ("+ that of finalists and default, of all repeats", known + 2 * wide),
        ("+ that of each search's own finalists", known + _own(pairs, "finalists")),
        ("+ that of each search's own finalists and default", known + _own(pairs, "configs")),
    ):
        wins = np.mean(np.array(square) > 3.8415 * variance)
        ratio = np.mean(square) / np.mean(variance)
        rows.append([name, f"{np.mean(variance) ** 0.5:.4f}", f"{ratio:.2f}", f"{wins:.0%}"])
    rows += _judged(found)
    text = (
        f"All {len(pairs)} pairs of searches of the same people, judged on their out-of-fold "
        f"predictions. The difference of a pair has a root mean square of "
        f"{np.mean(square) ** 0.5:.4f}. A rule that knows all of it has 1.00 in the third column. "
        f"The pairs are of {len(scores)} searches and far from independent. The rule counts "
        "people, choice, and training luck once; its terms are what out-of-fold scores show. All "
        "rows are judged by the normal distribution but the last two, which are the rule of the "
        "verdict itself, with its degrees of freedom."
    )
    head = [
        "variance of the rule",
        "standard error",
        "squared difference / its square",
        "called different at 5 %",
    ]
    return _section("A/A as it was", text, head, rows)


def _judged(found: Found) -> list[list[str]]:
    """Returns what the verdict's own rule makes of the pairs, without its term and with it."""
    same = found.repeats[SAME]
    people = replace(same[0].people(found.num_classes), fold=same[0].fold)
    rows = []
    for name, with_luck in (("the verdict, without its term", False), ("the verdict", True)):
        parts = [each.approach(str(i), with_luck=with_luck) for i, each in enumerate(same)]
        # A run knows its own searches, and no other's finalists.
        pairs = [
            pair for both in combinations(parts, 2) for pair in estimates_of(both, people).values()
        ]
        variance = float(np.mean([pair.variance for pair in pairs]))
        square = float(np.mean([pair.difference**2 for pair in pairs]))
        wins = float(np.mean([pair.p_value < ALPHA for pair in pairs]))
        rows.append([name, f"{variance**0.5:.4f}", f"{square / variance:.2f}", f"{wins:.0%}"])
    return rows


def _own(pairs: Sequence[tuple[Scores, Scores]], name: str) -> Floats:
    """Returns what a rule adds that knows nothing but the two searches of a pair."""

    def spread(one: Scores) -> float:
        scores = getattr(one, name)
        found = component(luck([scores], [one.strata]).terms).value if len(scores) > 1 else 0.0
        return max(0.0, found)

    return np.array([spread(a) + spread(b) for a, b in pairs])


def _projected(found: Found) -> str:
    parts = lucks(found)
    search = component(parts[SAME].terms).sd
    terms = [component(parts[name].terms).sd[0] for name in ("finalists", "configs")]
    rows = []
    for people, error in ERRORS.items():
        rates = [false_wins(error, sd) for sd in (0.0, 0.005, *search)]
        rates += [false_wins(error, search[0], term) for term in terms]
        rows.append([f"{people:,}", f"{error:.4f}", *(f"{rate:.1%}" for rate in rates)])
    head = ["people", "s.e. of a pair", "s.d. 0", "s.d. 0.005"]
    head += [f"search s.d. {search[0]:.4f}", f"its lower {search[1]:.4f}"]
    head += [
        f"its upper {search[2]:.4f}",
        f"{search[0]:.4f}, term of the finalists {terms[0]:.4f}",
    ]
    head += [f"{search[0]:.4f}, term of finalists and default {terms[1]:.4f}"]
    text = (
        "False wins of one pair at 5 % if the search had this luck there too, by the normal "
        "distribution; 3 refit seeds, training s.d. 0.005, simulated people."
    )
    return _section("A/A with such luck at other sizes", text, head, rows)


def describe_configs(repeats: Mapping[str, Sequence[Repeat]]) -> str:
    """Returns how many repeats have how many finalists beside the default."""
    counts = [len(json.loads(r.configs)) - 1 for rs in repeats.values() for r in rs]
    return ", ".join(f"{n} finalists in {counts.count(n)} repeats" for n in sorted(set(counts)))


def _section(title: str, text: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"## {title}", "", text, ""]
    lines += [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
    return "\n".join([*lines, ""])
