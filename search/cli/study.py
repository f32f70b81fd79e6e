"""What `study.json` says of a run, and whether a resumed run is still the same."""

import platform
from dataclasses import asdict
from typing import Any

from search.cli.resumed_data import check_same
from search.prepare.config import Budget
from search.prepare.dataset import Dataset
from search.prepare.prepared import Prepared
from search.refit.approaches import Lineup
from search.store.best_file import Rule
from search.store.portfolio_file import keep_warm_start
from search.store.provenance import git_commit, package_versions
from search.tuning.choice import rule_in_study
from search.tuning.journal import study_name
from search.tuning.second_fold import are_affordable, has_more_time

ALL = "all"
"""The space that stands for all of them, and for what follows a search."""
_WRAP_UP_SECONDS = 5.0
"""Between the end of the search and the end of the command: settling workers, bootstrap, files."""


def note_start(run: Prepared, *, resume: bool) -> None:
    """Notes what a run is when it begins, and what it is asked for when it goes on.

    Raises:
        UsageError: a resumed run has other data or spaces than it began with.
    """
    if not resume:
        keep_warm_start(run.store, run.portfolio)
        run.store.write_study(description(run))
        return
    check_unchanged(run)
    study = run.store.read_study()
    if study.get("second_fold") is False and has_more_time(study, run.config):
        study["second_fold"] = affords_second_fold(run)
    # What was asked for on top stays asked for when the run is resumed again.
    run.store.write_study({**study, "config": run.config.to_dict()})


def description(run: Prepared) -> dict[str, Any]:
    """Returns what is noted of a run when it begins."""
    resources, table = run.resources, run.dataset.table
    return {
        "config": run.config.to_dict(),
        "data": {
            "name": run.dataset.name,
            "note": run.dataset.note,
            "readings": list(run.readings),
            "corrections": [asdict(each) for each in table.corrections],
            "licence": table.licence,
            "max_pixels": table.max_pixels,
            "schema": table.schema.to_dict(),
            "photos": table.num_samples,
            "people": table.num_groups,
            "fingerprint": table.fingerprint,
            "split": run.dataset.split.fingerprint,
            "content": run.dataset.content,
            "stored_size": list(run.stored_size),
            **(_whole(run.dataset) if ALL in run.config.spaces else {}),
            "roots": [asdict(root) for root in run.dataset.roots],
        },
        "spaces": {s.name: s.fingerprint(table.schema, run.scale) for s in run.spaces},
        "blocks": Lineup.of(table.schema, run.spaces).to_dict(),
        "studies": {
            s.name: study_name(s, table.schema, run.scale, run.dataset.fingerprint)
            for s in run.spaces
        },
        "chosen_by": str(Rule.DUNNETT),
        "second_fold": affords_second_fold(run),
        "scale": run.scale.reason,
        "hardware": {
            "machine": platform.machine(),
            "cpus": resources.num_cpus,
            "gpus": resources.num_gpus,
            "slots": resources.slots,
        },
        "versions": package_versions(),
        "git_commit": git_commit(),
    }


def check_unchanged(run: Prepared) -> None:
    """Raises UsageError where a resumed run has other data or spaces than it began with."""
    rule_in_study(run.store)  # one that nobody knows is told before hours of search
    stored, now = run.store.read_study(), description(run)
    for what, where in (("data", run.dataset.name), ("spaces", ", ".join(now["spaces"]))):
        then = stored[what]["fingerprint"] if what == "data" else stored[what]
        here = now[what]["fingerprint"] if what == "data" else now[what]
        check_same(what, where, then, here)


def affords_second_fold(run: Prepared) -> bool:
    """Returns whether a search without a refit has the time to train its leaders again."""
    return ALL not in run.config.spaces and are_affordable(run, search_budget(run))


def search_budget(run: Prepared) -> Budget:
    """Returns the budget of a search without a refit, what writes its end set aside."""
    return run.config.budget.minus(_WRAP_UP_SECONDS)


def _whole(dataset: Dataset) -> dict[str, Any]:
    """Returns what `truth.csv` holds, where some photos lack a label or only train."""
    whole = dataset.whole
    if whole is dataset:
        return {}
    table, split = whole.table, whole.split
    told = {"photos": table.num_samples, "people": table.num_groups, "split": split.fingerprint}
    return {"whole": told}
