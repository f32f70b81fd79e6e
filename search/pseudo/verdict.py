"""Whether training with pseudo-labels wins in a space; what wins joins the refitted configs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from search.analysis.approaches.approach import Approach
from search.analysis.people import People
from search.analysis.uncertainty.interval import ALPHA
from search.analysis.verdict.judging import judge
from search.analysis.verdict.multiplicity import holm
from search.analysis.verdict.outcomes import (
    PairVerdict,
)
from search.analysis.verdict.rules import (
    Rules,
)
from search.console import say
from search.refit.files import RefitFiles
from search.refit.refitted import Refitted
from search.refit.units import config_file, config_name
from search.store.files import write_json
from search.store.names import as_file
from search.store.reading import read_arrays, reading
from search.store.run_store import RunStore

PSEUDO_CONFIG = "pseudo"
PSEUDO_FILE = "predictions/pseudo/verdict.json"
_PLAIN = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudoVerdict:
    """A space's chosen config with pseudo-labels against itself without.

    Attributes:
        space: name of the space.
        pair: a is with pseudo-labels, b without; difference of the space's own macro-F1.
        scores: macro-F1 with and without.
        p_adjusted: adjusted for the number of spaces.
        wins: whether pseudo-labels win, so that the later stages use them.
        photos: pseudo-labelled photos, the mean over folds.
        seeds: with pseudo-labels, and of the same config without. With fewer they do not win: who
            takes them would lose the others.
    """

    space: str
    pair: PairVerdict
    scores: tuple[float, float]
    p_adjusted: float
    wins: bool
    photos: float
    seeds: tuple[int, int]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON."""
        return {
            **self.pair.to_dict(),
            "space": self.space,
            "macro_f1": dict(zip((PSEUDO_CONFIG, _PLAIN), self.scores, strict=True)),
            "p_adjusted": self.p_adjusted,
            "wins": self.wins,
            "photos": self.photos,
            "seeds": dict(zip((PSEUDO_CONFIG, _PLAIN), self.seeds, strict=True)),
        }


def pseudo_files(store: RunStore) -> RefitFiles:
    """Returns the files of the trainings with pseudo-labels of a run."""
    return RefitFiles(store.predictions / PSEUDO_CONFIG)


def labels_folder(store: RunStore) -> Path:
    """Returns where the pseudo-labels of every space and fold are kept."""
    return store.predictions / PSEUDO_CONFIG / "labels"


def judge_spaces(
    refitted: Refitted, config_ids: Mapping[str, str], rules: Rules
) -> tuple[PseudoVerdict, ...]:
    """Judges every space on the people out of fold, by its own metric.

    Args:
        refitted: the plain trainings; those with pseudo-labels lie in their own folder.
        config_ids: space -> config that was trained both ways.
        rules: how to judge.

    Returns:
        The verdicts of the spaces that have a seed with pseudo-labels in every fold.

    Raises:
        ResultsError: a file of predictions is torn.
    """
    files, lineup, truth = pseudo_files(refitted.store), refitted.lineup, refitted.truth
    seeds = {}
    found = []
    for space, config_id in config_ids.items():
        layout, heads = lineup.layout(space), lineup.heads(space)
        whole = refitted.seeds_of(space, config_id)
        own = tuple(sorted(files.seeds(space, PSEUDO_CONFIG).intersection(whole)))
        if not own:
            continue
        seeds[space] = (len(own), len(whole))
        pseudo = files.heads(space, PSEUDO_CONFIG, own)
        plain = refitted.files.heads(space, config_id, own)
        verdict = judge(
            [
                Approach.from_probs(name, layout.joint([probs[head] for head in heads]))
                for name, probs in ((PSEUDO_CONFIG, pseudo), (_PLAIN, plain))
            ],
            People(
                label=layout.label(truth.label),
                person=truth.group,
                num_classes=layout.num_classes,
                fold=truth.fold,
            ),
            rules=rules,
        )
        found.append((space, verdict))
    adjusted = holm([verdict.pairs[0].headline.p_adjusted for _, verdict in found])
    return tuple(
        PseudoVerdict(
            space=space,
            pair=(pair := verdict.pairs[0]),
            scores=(verdict.scores[0].interval.value, verdict.scores[1].interval.value),
            p_adjusted=p,
            wins=pair.winner == PSEUDO_CONFIG and p < ALPHA and len(set(seeds[space])) == 1,
            photos=_num_photos(refitted.store, space),
            seeds=seeds[space],
        )
        for (space, verdict), p in zip(found, adjusted, strict=True)
    )


def adopt(
    refitted: Refitted, config_ids: Mapping[str, str], verdicts: tuple[PseudoVerdict, ...]
) -> None:
    """Makes the winners candidates of verdict and ensemble, and deletes the models of the losers.

    A space that could not be judged by all its seeds keeps its models for a start with more time.

    Args:
        refitted: the refit of the run.
        config_ids: space -> config that was trained both ways.
        verdicts: of the spaces that could be judged; the others go on without.
    """
    store, configs, notes = refitted.store, dict(refitted.note.configs), list(refitted.note.notes)
    files, merged = pseudo_files(store), refitted.note.merged
    winners = {verdict.space for verdict in verdicts if verdict.wins}
    undecided = {*config_ids}.difference(v.space for v in verdicts if len(set(v.seeds)) == 1)
    for space in config_ids:
        name = config_name(space, PSEUDO_CONFIG)
        configs.pop(name, None)
        if merged is not None:
            merged = tuple(each for each in merged if each.rpartition(".")[0] != name)
        refitted.files.drop(space, PSEUDO_CONFIG)
        said = f"{space}: trained with pseudo-labels, which won on the people it is judged on"
        notes = [text for text in notes if not text.startswith(said)]
        if space in winners:
            notes.append(f"{said}, so its score errs high")
            configs[name] = configs[config_name(space, config_ids[space])]
            files.copy(space, PSEUDO_CONFIG, refitted.files)
            if merged is not None:
                seeds = sorted(files.seeds(space, PSEUDO_CONFIG))
                merged = (*merged, *(f"{name}.{seed}" for seed in seeds))
        elif space not in undecided:
            for path in store.models.glob(f"{config_file(space, PSEUDO_CONFIG)}.*.safetensors"):
                path.unlink()
    replace(refitted.note, notes=tuple(notes), configs=configs, merged=merged).write(store)
    values = {"schema": 1, "spaces": [verdict.to_dict() for verdict in verdicts]}
    write_json(store.root / PSEUDO_FILE, values)


def print_pseudo(
    console: Console, verdicts: tuple[PseudoVerdict, ...], spaces: Iterable[str]
) -> None:
    """Says what pseudo-labels did to every space, and where they are used."""
    table = Table(title="Pseudo-labels: macro-F1 of the chosen config", title_justify="left")
    for name in ("space", "photos", "with", "without", "difference", "95 % interval", "used"):
        table.add_column(name, no_wrap=True)
    for verdict in verdicts:
        interval = verdict.pair.headline.difference
        table.add_row(
            escape(verdict.space),
            f"{verdict.photos:.0f}",
            f"{verdict.scores[0]:.4f}",
            f"{verdict.scores[1]:.4f}",
            f"{interval.value:+.4f}",
            f"{interval.low:+.3f} to {interval.high:+.3f}",
            _used(verdict),
        )
    if verdicts:
        console.print(table)
    judged = {verdict.space for verdict in verdicts}
    if rest := [space for space in spaces if space not in judged]:
        say(console, f"  {', '.join(rest)}: no seed of all folds with pseudo-labels; not used")


def _used(verdict: PseudoVerdict) -> str:
    done, whole = verdict.seeds
    if done < whole:
        return f"no, {done} of {whole} seeds"
    return "yes" if verdict.wins else "no"


def _num_photos(store: RunStore, space: str) -> float:
    counts = []
    for path in labels_folder(store).glob(f"{as_file(space)}.*.npz"):
        with reading(path, "delete it and resume the run, which labels the photos again"):
            counts.append(len(read_arrays(path, "rows")["rows"]))
    return float(np.mean(counts)) if counts else 0.0
