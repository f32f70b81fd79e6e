"""A run as programs that record experiments have it: one of theirs per trial, one of the verdict.

What they share stands here; `to_trackio`, `to_mlflow` and `to_wandb` hand it over. Every key is
derived from its trial, so that a second export finds what the first one wrote.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.analysis.ensemble.summary import EnsembleSummary
from search.analysis.plain import from_plain
from search.analysis.uncertainty.interval import Interval
from search.analysis.verdict.outcomes import Verdict
from search.prepare.saved_run import SavedRun
from search.store.commands import on_run
from search.store.reading import is_there, read_json, reading, typed
from search.store.records import Cause, State, TrialRecord
from search.store.run_store import RunStore

Param = str | int | float | bool
METRIC = "macro_f1"
"""Validation macro-F1 of an epoch."""
_MOST_TEXT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """A trial, or the verdict of the run.

    Attributes:
        key: letters, digits and hyphens; no other trial of any run has it.
        name: for people.
        group: what belongs together: the space of a trial.
        state: how it stands.
        cause: what ended a trial other than its last epoch or the scheduler.
        params: the config, by dotted names.
        steps: value of `METRIC` by epoch, from 1.
        summary: final figures, all finite.
        tags: what else is known.
        started: seconds since the epoch; 0 where unknown.
        ended: likewise.
    """

    key: str
    name: str
    group: str
    state: State
    cause: Cause = Cause.NONE
    params: Mapping[str, Param]
    steps: Mapping[int, float]
    summary: Mapping[str, float]
    tags: Mapping[str, str]
    started: float = 0.0
    ended: float = 0.0

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits of all that it says: whether an export would change it."""
        return _digest(self.state, self.params, self.steps, self.summary, self.tags, self.ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What `verdict.json` says that goes into a summary.

    Attributes:
        verdict: scores and pairs.
        answer: in words.
        finalists: space -> config_id -> macro-F1 of its own label after the refit.
        ensemble: of the run; None where it made none.
    """

    verdict: Verdict
    answer: str
    finalists: Mapping[str, Mapping[str, float]]
    ensemble: EnsembleSummary | None

    @classmethod
    def read(cls, store: RunStore) -> "Judged | None":
        """Reads the file; None where there is none.

        Raises:
            ResultsError: it cannot be read.
        """
        path, way_out = store.root / "verdict.json", f"judge it again: {on_run('verdict', store)}"
        if not is_there(path):
            return None
        with reading(path, way_out):
            data = read_json(path, way_out)
            ensemble = data.get("ensemble")
            return cls(
                verdict=Verdict.from_dict(data),
                answer=str(data.get("answer", "")),
                finalists=typed(dict[str, dict[str, float]], data.get("finalists", {})),
                ensemble=None if ensemble is None else from_plain(EnsembleSummary, ensemble),
            )


def tracked_runs(run: SavedRun, judged: Judged | None) -> tuple[Tracked, ...]:
    """Returns every trial that began, then the verdict where there is one."""
    name, studies = str(run.study["config"]["name"]), run.study["studies"]
    trials = [_trial(name, studies[record.space], record) for record in run.records]
    return (*trials, *(() if judged is None else (_verdict(name, run, judged),)))


def _trial(run: str, study: str, record: TrialRecord) -> Tracked:
    numbers = {
        "objective": record.objective,
        "epochs": record.epochs,
        "seconds": record.seconds,
        "device_seconds": record.device_seconds,
    }
    tags = {
        "headrace.run": run,
        "headrace.space": record.space,
        "headrace.number": str(record.number),
        "headrace.state": record.state.value,
        "headrace.cause": record.cause.value,
        "headrace.error": record.error[:_MOST_TEXT],
    }
    return Tracked(
        key=_key(str(record.number), run, study, record.number, record.seed, record.started),
        name=f"{record.space}-{record.number}",
        group=record.space,
        state=record.state,
        cause=record.cause,
        params={"seed": record.seed, **_params(record.config)},
        steps={epoch: value for epoch, value in record.values.items() if math.isfinite(value)},
        summary=_finite(numbers),
        tags={name: text for name, text in tags.items() if text},
        started=record.started,
        ended=record.ended,
    )


def _key(start: str, *parts: object) -> str:
    return f"{start}-{_digest(*parts)}"


def _digest(*parts: object) -> str:
    return hashlib.sha256("\n".join(map(repr, parts)).encode()).hexdigest()[:16]


def _params(config: Mapping[str, Any]) -> dict[str, Param]:
    """Returns what is set of a config; a list becomes a text."""
    found: dict[str, Param] = {}
    for name, value in config.items():
        if isinstance(value, list | tuple):
            found[name] = ", ".join(map(str, value))
        elif value is not None:
            found[name] = value
    return found


def _finite(values: Mapping[str, float | None]) -> dict[str, float]:
    return {name: float(v) for name, v in values.items() if v is not None and math.isfinite(v)}


def _verdict(run: str, saved: SavedRun, judged: Judged) -> Tracked:
    study = saved.study
    tags = {
        "headrace.run": run,
        "headrace.answer": judged.answer[:_MOST_TEXT],
        "headrace.data": str(study["data"].get("fingerprint", "")),
        "headrace.commit": str(study.get("git_commit", "")),
        **{f"headrace.pair.{p.a}.{p.b}": p.outcome.value for p in judged.verdict.pairs},
        # A resumed run may have more trials or time: parameters are for good, tags are not.
        **{f"headrace.config.{n}": str(value) for n, value in _params(study["config"]).items()},
    }
    names = sorted(map(str, study["studies"].values()))
    begun = min((record.started for record in saved.records), default=0.0)
    return Tracked(
        key=_key("verdict", run, *names, begun),
        name="verdict",
        group="verdict",
        state=State.COMPLETE,
        params={},
        steps={},
        summary=_finite(dict(_figures(judged))),
        tags={name: text for name, text in tags.items() if text},
        started=begun,
        ended=max((record.ended for record in saved.records), default=0.0),
    )


def _figures(judged: Judged) -> Iterator[tuple[str, float]]:
    """Yields the scores of approaches, finalists and ensemble, and the differences of pairs."""
    for score in judged.verdict.scores:
        yield from _interval(f"score.{score.name}", score.interval)
    for pair in judged.verdict.pairs:
        figures, name = pair.headline, f"difference.{pair.a}.{pair.b}"
        yield from _interval(name, figures.difference)
        yield f"{name}.p_adjusted", figures.p_adjusted
    for space, configs in judged.finalists.items():
        yield from ((f"refit.{space}.{config_id}", value) for config_id, value in configs.items())
    if judged.ensemble is not None:
        # An approach of the user's may be called ensemble.
        yield from _interval("ensemble.score", judged.ensemble.score)


def _interval(name: str, found: Interval) -> Sequence[tuple[str, float]]:
    return (name, found.value), (f"{name}.low", found.low), (f"{name}.high", found.high)
