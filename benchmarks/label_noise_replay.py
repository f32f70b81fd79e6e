"""How well planted errors are found with the predictions of a run that has a refit; in Markdown.

    python -m benchmarks.label_noise_replay results/NAME [results/NAME ...]

Errors are planted in the labels after the run, again and again: 1 % of the people get another
class of what is a person's own, 1 % of the people have two photos of different classes exchanged
in the attribute that differs between their photos. The models did not learn from the errors; what
that would change, `benchmarks/label_noise.py` measures once, in hours.
"""

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from search.analysis.label_noise import LEAST_SUSPECT
from search.analysis.metrics import Floats, Ints
from search.audit.suspects import PROPOSED_FROM, Suspect, suspects_of
from search.refit.approaches import Lineup
from search.refit.refitted import Refitted
from search.store.run_store import RunStore
from trainables.data.sample_table import SampleTable
from trainables.data.schema import LabelSchema

SHARE = 0.01
DRAWS = 40
_AT_LEAST = 3


def main() -> None:
    """Prints a table per run."""
    parser = argparse.ArgumentParser(description="How well planted label errors are found.")
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs with a refit")
    parser.add_argument("--draws", type=int, default=DRAWS)
    given = parser.parse_args()
    print(f"# Planted label errors, found with the predictions of runs\n\n{_how(given.draws)}")
    for root in given.runs:
        print(f"\n## {root.name}\n\n" + "\n".join(report(root, given.draws)))


def _how(draws: int) -> str:
    return (
        f"{datetime.now(UTC):%Y-%m-%d}; command: `python -m benchmarks.label_noise_replay RUN "
        f"...`. {draws} draws of 1 % of the people an attribute, at least {_AT_LEAST}, each. "
        f"Listed: probability of being wrong from {LEAST_SUSPECT}; proposed: from "
        f"{PROPOSED_FROM}. At the number planted: of as many as were planted, those that are."
    )


def report(root: Path, draws: int) -> list[str]:
    """Returns the lines of the table of a run."""
    store = RunStore(root)
    lineup = Lineup.of_study(store.read_study())
    refitted = Refitted.read(store, lineup)
    joint = np.mean([part.probs.mean(axis=0) for part in refitted.build_whole()], axis=0)
    people, schema = refitted.people, lineup.schema
    codes = schema.attribute_codes(people.label)
    num_planted = max(_AT_LEAST, round(SHARE * people.num_people))
    lines = [
        f"{people.num_people} people, {len(people)} photos; {num_planted} planted an attribute.",
        "",
        "| attribute | right | listed | precision | recall | proposed | precision | recall "
        "| at the number planted |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for place, attribute in enumerate(schema.attributes):
        rows = []
        for draw in range(draws):
            rng = np.random.default_rng(draw)
            wrong, planted = plant(codes, people.person, place, num_planted, rng)
            table = _table(schema, people.person, wrong)
            found = [s for s in suspects_of(table, joint) if s.attribute == attribute.name]
            rows.append(_counts(found, table, planted))
        right = _right(schema, joint, codes, place)
        lines.append(_row(attribute.name, right, np.array(rows), num_planted))
    return lines


def plant(
    codes: Ints, person: Ints, place: int, number: int, rng: np.random.Generator
) -> tuple[Ints, set[int]]:
    """Returns labels [N, A] with errors in one attribute, and the people whose label is wrong."""
    wrong, column = codes.copy(), codes[:, place]
    own = np.array([len(set(column[person == p].tolist())) == 1 for p in range(person.max() + 1)])
    if own.mean() > 0.5:
        chosen = rng.choice(np.flatnonzero(own), number, replace=False)
        others = int(column.max())
        for each in chosen:
            rows = person == each
            now = column[rows][0]
            wrong[rows, place] = (now + rng.integers(1, others + 1)) % (others + 1)
    else:
        chosen = rng.choice(np.flatnonzero(~own), number, replace=False)
        for each in chosen:
            rows = rng.permutation(np.flatnonzero(person == each))
            one, other = rows[0], next(r for r in rows if column[r] != column[rows[0]])
            wrong[[one, other], place] = column[[other, one]]
    return wrong, set(chosen.tolist())


def _table(schema: LabelSchema, person: Ints, codes: Ints) -> SampleTable:
    return SampleTable(
        schema=schema,
        root=Path(),
        paths=tuple(map(str, range(len(codes)))),
        groups=tuple(f"{each:06d}" for each in person),
        labels=codes,
        raw={
            each.name: np.array([each.edges[0] - 1, *each.edges])[codes[:, place]]
            for place, each in enumerate(schema.attributes)
            if each.has_raw
        },
        source_rows=tuple(map(str, range(len(codes)))),
    )


def _counts(found: list[Suspect], table: SampleTable, planted: set[int]) -> list[int]:
    """Returns listed, hit, proposed, hit, and hit among as many as were planted; of people."""
    groups = [table.groups[each.rows[0]] for each in found]
    sure = [group for each, group in zip(found, groups, strict=True) if _is_proposed(each)]
    listed, proposed = list(dict.fromkeys(groups)), list(dict.fromkeys(sure))
    named = {f"{each:06d}" for each in planted}
    first = listed[: len(named)]
    return [
        len(listed),
        len(named & set(listed)),
        len(proposed),
        len(named & set(proposed)),
        len(named & set(first)),
    ]


def _is_proposed(suspect: Suspect) -> bool:
    return suspect.probability >= PROPOSED_FROM


def _right(schema: LabelSchema, joint: Floats, codes: Ints, place: int) -> float:
    found = schema.attribute_codes(joint.argmax(axis=1))
    return float(np.mean(found[:, place] == codes[:, place]))


def _row(name: str, right: float, counts: Ints, planted: int) -> str:
    listed, hit, proposed, sure, first = counts.sum(axis=0)
    total = planted * len(counts)
    cells: Mapping[str, str] = {
        "right": f"{right:.0%}",
        "listed": f"{listed / len(counts):.1f}",
        "precision": f"{hit / max(1, listed):.2f}",
        "recall": f"{hit / total:.2f}",
        "proposed": f"{proposed / len(counts):.1f}",
        "of those": f"{sure / max(1, proposed):.2f}",
        "found": f"{sure / total:.2f}",
        "first": f"{first / total:.2f}",
    }
    return f"| {name} | {' | '.join(cells.values())} |"


if __name__ == "__main__":
    main()
