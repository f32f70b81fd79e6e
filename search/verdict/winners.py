"""Which trial of a space is the best one, once its finalists were trained on all people.

The search chose by the few people who validate there. The refit trains that choice and the default
config, and more where there is time, on folds of all people. What an approach serves is chosen by
these, and that is what `best/<space>.yaml` holds from then on.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from search.analysis.people import People
from search.analysis.uncertainty.bootstrap import person_bootstrap_interval
from search.errors import ResultsError
from search.prepare.saved_run import SavedRun
from search.prepare.space_result import SpaceResult
from search.pseudo.verdict import PSEUDO_CONFIG
from search.refit.approaches import chosen_configs
from search.refit.finalists import ranking
from search.refit.refitted import Refitted
from search.refit.units import DEFAULT_CONFIG, config_name
from search.store.best_file import SEARCH_CHOICE, best_text, score_values, search_choice
from search.store.reading import is_there, read_yaml, reading
from search.store.records import EPOCHS, TrialRecord
from search.verdict.conclusion import Conclusion
from trainables.blocks import FlatValue
from trainables.config import TrialConfig
from trainables.errors import ConfigError

logger = logging.getLogger(__name__)

CHOSEN_BY = "refit"
"""`score.chosen_by` of a trial that the search did not choose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Winner:
    """The trial whose config an approach serves.

    Attributes:
        record: of the trial.
        refit: what `best/<space>.yaml` says of its config in the refit.
    """

    record: TrialRecord
    refit: Mapping[str, Any]


def winners(run: SavedRun, refitted: Refitted, conclusion: Conclusion) -> dict[str, Winner]:
    """Returns the winner of every space of an approach.

    A space is left out where no complete trial has the refitted config, as in runs that did not
    note their configs.
    """
    found, configs = {}, refitted.note.configs
    results = {result.name: result for result in run.results}
    for part in conclusion.built:
        for space, chosen in chosen_configs(part).items():
            scores, name = part.finalists[space], config_name(space, chosen)
            if space in found or name not in configs:
                continue
            config = configs[name]
            # Further photos may have helped to train the chosen one; a trial has none.
            same = [i for i in scores if configs.get(config_name(space, i)) == config]
            plain = min(same, key=lambda config_id: config_id == PSEUDO_CONFIG)
            record = _trial_of(results[space], config)
            if record is not None:
                refit = {
                    "metric": "macro_f1",
                    "value": scores[plain],
                    "default_config": scores.get(DEFAULT_CONFIG),
                    "seeds": len(part.probs),
                    "epochs": config[EPOCHS],
                }
                found[space] = Winner(record=record, refit=refit)
    return found


def _trial_of(result: SpaceResult, config: Mapping[str, FlatValue]) -> TrialRecord | None:
    """Returns the trial of a refitted config, whose schedule may be shorter there."""
    wanted = {**config, EPOCHS: None}
    return next((r for r in ranking(result) if {**r.config, EPOCHS: None} == wanted), None)


def best_texts(run: SavedRun, refitted: Refitted, found: Mapping[str, Winner]) -> dict[str, str]:
    """Returns the text of `best/<space>.yaml` of every winner, by space.

    A space is left out, with a warning, where the winner's validation predictions are missing or
    are of people who have not every label, or an older headrace trained it with other options.

    Raises:
        ResultsError: a file of before cannot be read.
    """
    texts = {}
    for result in run.results:
        path, winner = refitted.store.best_path(result.name), found.get(result.name)
        if winner is None or not is_there(path):
            continue
        with reading(path, "resume its run", wrong="is not a best config of headrace"):
            tree = read_yaml(path)
            searched = search_choice(tree)
            trial, config = int(tree["trial"]), tree["config"]
        record, score, other = winner.record, searched["score"], {}
        try:
            if record.number != searched["trial"]:
                score, other = _score(refitted, record, score), {SEARCH_CHOICE: searched}
            if record.number != trial:
                threads = record.num_threads or tree["training"]["num_threads"]
                tree["training"] = {**tree["training"], "num_threads": threads}
                config = TrialConfig.from_flat(record.config).to_tree()
        except (ResultsError, ConfigError) as error:
            logger.warning("%s stays as it is: %s", path, error)
            continue
        kept = {key: tree[key] for key in tree if key not in {"refit", SEARCH_CHOICE, "config"}}
        of_trial = {"score": score, "trial": record.number, "seed": record.seed}
        texts[result.name] = best_text(
            {**kept, **of_trial, "refit": dict(winner.refit), **other, "config": config}
        )
    return texts


def _score(refitted: Refitted, record: TrialRecord, searched: Mapping[str, Any]) -> dict[str, Any]:
    """Returns `score` of a trial, by the same people as that of the search's choice.

    Raises:
        ResultsError: its validation predictions are missing or torn, or of nobody who has every
            label.
    """
    truth, store, schema = refitted.truth, refitted.store, refitted.lineup.schema
    saved = store.read_validation(record.space, record.number)
    # Where some lack labels the search may have scored more people than the refit knows.
    known = saved.first(len(truth.label))
    rows, attributes = known.indices, refitted.lineup.blocks[record.space].attributes
    # Numbered as in the search, or the same predictions would get another interval.
    person, _ = pd.factorize(truth.group)
    with reading(store.validation_path(record.space, record.number), "put it back"):
        if not (rows.size and rows.min() >= 0):
            raise ValueError("it is of nobody who has every label")
        people = People(
            label=schema.codes(schema.attribute_codes(truth.label[rows]), attributes),
            person=person[rows],
            num_classes=schema.only(attributes).num_joint,
        )
        interval = person_bootstrap_interval(people, known.probabilities.argmax(axis=1))
    value = interval.value
    if len(rows) < len(saved.indices) and record.objective is not None:
        value = record.objective  # of all whom the search scored, as a replay finds it again
    return score_values(
        (value, min(value, interval.low), max(value, interval.high)),
        saved.probabilities,
        chosen_by=CHOSEN_BY,
        people=len(set(person[rows].tolist())),
        default=searched.get("default_config"),
    )
