"""Whether training with pseudo-labels wins, a space; what wins joins the refitted configs."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from search.analysis.approaches.approach import Approach
from search.analysis.recombine import recombine
from search.analysis.verdict.judging import judge
from search.analysis.verdict.outcomes import PairVerdict, Rules, holm, outcome_of
from search.refit.files import REFIT_FILE, Truth, read_predictions
from search.store.files import write_text
from search.store.run_store import RunStore
from trainables.data.schema import JOINT, LabelSchema

PSEUDO_CONFIG = "pseudo"
PSEUDO_FILE = "predictions/pseudo/verdict.json"
_PLAIN = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudoVerdict:
    """A space's best config with pseudo-labels against itself without.

    Attributes:
        space: name of the space.
        pair: a is with pseudo-labels, b without; difference of the space's own macro-F1.
        scores: macro-F1 with and without.
        p_holm: adjusted for the number of spaces.
        wins: whether pseudo-labels win, so that the later stages use them.
        photos: pseudo-labelled photos, the mean over folds.
    """

    space: str
    pair: PairVerdict
    scores: tuple[float, float]
    p_holm: float
    wins: bool
    photos: float

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON."""
        return {
            **self.pair.to_dict(),
            "space": self.space,
            "macro_f1": dict(zip((PSEUDO_CONFIG, _PLAIN), self.scores, strict=True)),
            "p_holm": self.p_holm,
            "wins": self.wins,
            "photos": self.photos,
        }


def labels_folder(store: RunStore) -> Path:
    """Returns where the pseudo-labels of every space and fold are kept."""
    return store.predictions / PSEUDO_CONFIG / "labels"


def judge_spaces(
    store: RunStore, config_ids: Mapping[str, str], schema: LabelSchema, truth: Truth, seed: int
) -> tuple[PseudoVerdict, ...]:
    """Judges every space on the people out of fold, by its own metric.

    Args:
        store: with plain predictions, and those with pseudo-labels in their own folder.
        config_ids: space -> config_id of the config that was trained both ways.
        schema: of the labels.
        truth: labels and people.
        seed: of the resamples.

    Raises:
        ResultsError: predictions are missing.
    """
    plain = read_predictions(store.predictions, list(config_ids))
    pseudo = read_predictions(store.predictions / PSEUDO_CONFIG, list(config_ids))
    found = []
    for space, config_id in config_ids.items():
        with_labels, without = pseudo[space][PSEUDO_CONFIG], plain[space][config_id]
        seeds = min(len(next(iter(heads.values()))) for heads in (with_labels, without))
        verdict = judge(
            [
                Approach.from_probs(PSEUDO_CONFIG, _probs(with_labels, schema)[:seeds]),
                Approach.from_probs(_PLAIN, _probs(without, schema)[:seeds]),
            ],
            _labels(with_labels, schema, truth),
            truth.group,
            _probs(without, schema).shape[-1],
            rules=Rules(seed=seed),
        )
        found.append((space, verdict))
    adjusted = holm([verdict.pairs[0].headline.p_holm for _, verdict in found])
    return tuple(
        PseudoVerdict(
            space=space,
            pair=(pair := verdict.pairs[0]),
            scores=(verdict.scores[0].interval.value, verdict.scores[1].interval.value),
            p_holm=p,
            wins=pair.winner == PSEUDO_CONFIG
            and outcome_of(pair.headline.difference, p, verdict.margin) is pair.headline.outcome,
            photos=_num_photos(store, space),
        )
        for (space, verdict), p in zip(found, adjusted, strict=True)
    )


def adopt(
    store: RunStore, config_ids: Mapping[str, str], verdicts: tuple[PseudoVerdict, ...]
) -> None:
    """Makes the winners candidates of verdict and ensemble, and deletes the models of the rest.

    Args:
        store: of the run.
        config_ids: space -> config_id of the config that was trained both ways.
        verdicts: of all spaces.
    """
    note = store.read_json(REFIT_FILE)
    for verdict in verdicts:
        name = f"{verdict.space}.{PSEUDO_CONFIG}"
        note["configs"].pop(name, None)
        for path in store.predictions.glob(f"{name}.*.npz"):
            path.unlink()
        said = (
            f"{verdict.space}: trained with pseudo-labels, which won on the people it is judged on"
        )
        note["notes"] = [text for text in note["notes"] if not text.startswith(said)]
        if verdict.wins:
            note["notes"].append(f"{said}, so its score errs high")
            note["configs"][name] = note["configs"][f"{verdict.space}.{config_ids[verdict.space]}"]
            for path in (store.predictions / PSEUDO_CONFIG).glob(f"{name}.*.npz"):
                shutil.copyfile(path, store.predictions / path.name)
            for path in (store.predictions / PSEUDO_CONFIG / "parts").glob(f"{name}.*.npz"):
                shutil.copyfile(path, store.predictions / "parts" / path.name)
        else:
            for path in (store.root / "models").glob(f"{name}.*.safetensors"):
                path.unlink()
    write_text(store.root / REFIT_FILE, json.dumps(note, indent=2) + "\n")
    values = {"schema": 1, "spaces": [verdict.to_dict() for verdict in verdicts]}
    write_text(store.root / PSEUDO_FILE, json.dumps(values, indent=2) + "\n")


def print_pseudo(console: Console, verdicts: tuple[PseudoVerdict, ...]) -> None:
    """Says what pseudo-labels did to every space, and where they are used."""
    table = Table(title="Pseudo-labels: macro-F1 of the best config", title_justify="left")
    for name in ("space", "photos", "with", "without", "difference", "95 % interval", "used"):
        table.add_column(name, no_wrap=True)
    for verdict in verdicts:
        interval = verdict.pair.headline.difference
        table.add_row(
            verdict.space,
            f"{verdict.photos:.0f}",
            f"{verdict.scores[0]:.4f}",
            f"{verdict.scores[1]:.4f}",
            f"{interval.value:+.4f}",
            f"{interval.low:+.3f} to {interval.high:+.3f}",
            "yes" if verdict.wins else "no",
        )
    console.print(table)


def _probs(heads: Mapping[str, NDArray[np.float64]], schema: LabelSchema) -> NDArray[np.float64]:
    """Returns [S, N, K] of the space's own label: an attribute, or the joint one."""
    if len(heads) == 1:
        return next(iter(heads.values()))
    return recombine([heads[name] for name in schema.names])


def _labels(
    heads: Mapping[str, NDArray[np.float64]], schema: LabelSchema, truth: Truth
) -> NDArray[np.int64]:
    name = next(iter(heads))
    if len(heads) > 1 or name == JOINT:
        return truth.label
    return schema.attribute_codes(truth.label)[:, schema.names.index(name)]


def _num_photos(store: RunStore, space: str) -> float:
    counts = []
    for path in labels_folder(store).glob(f"{space}.*.npz"):
        with np.load(path) as kept:
            counts.append(len(kept["rows"]))
    return float(np.mean(counts)) if counts else 0.0
