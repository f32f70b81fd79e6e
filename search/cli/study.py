"""What `study.json` says of a run, and whether a resumed run is still the same."""

import platform
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from search.cli.resumed_data import check_same
from search.errors import ResultsError
from search.prepare.config import Budget
from search.prepare.dataset import Dataset
from search.prepare.prepared import Prepared
from search.refit.approaches import Lineup
from search.store.best_file import Rule
from search.store.portfolio_file import keep_warm_start
from search.store.provenance import git_commit, package_versions
from search.store.reading import is_there
from search.tuning.choice import rule_in_study
from search.tuning.journal import study_name
from search.tuning.second_fold import are_affordable, has_more_time
from spaces.scale import Scale

ALL = "all"
"""The space that stands for all of them, and for what follows a search."""
_WRAP_UP_SECONDS = 5.0
"""Between the end of the search and the end of the command: settling workers, bootstrap, files."""


def note_start(run: Prepared, *, resume: bool) -> None:
    """Notes what a run is when it begins, and what it is asked for when it goes on.

    Raises:
        ResultsError: a resumed run has other data or spaces than it began with.
    """
    if not resume:
        keep_warm_start(run.store, run.portfolio)
        run.store.write_study(description(run))
        return
    check_unchanged(run)
    study = run.store.read_study()
    if "second_fold" in study:  # older runs have none
        study["second_fold"] = has_second_fold(run)
    # What was asked for on top stays asked for when the run is resumed again.
    run.store.write_study({**study, "config": run.config.to_dict()})


def as_begun(scale: Scale, study: Mapping[str, Any]) -> Scale:
    """Returns what the spaces of a resumed run offer: the backbones that it began with.

    A folder of weights may have got more of them meanwhile.

    Raises:
        ResultsError: it began on another kind of device, or with weights where there are none now.
    """
    if scale.reason != study.get("scale", scale.reason):
        raise ResultsError(
            "a resumed run needs the kind of device and of weights that it began with "
            f"({study['scale']}), got {scale.reason}; resume it where these are (without "
            "--weights-dir where it began without), or start a new run"
        )
    return replace(scale, backbones=tuple(study.get("backbones") or scale.backbones))


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
        "second_fold": _affords_second_fold(run),
        "scale": run.scale.reason,
        "backbones": list(run.scale.backbones),
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
    """Raises ResultsError where a resumed run has other data or spaces than it began with."""
    rule_in_study(run.store)  # one that nobody knows is told before hours of search
    stored, now = run.store.read_study(), description(run)
    for what, where in (("data", run.dataset.name), ("spaces", ", ".join(now["spaces"]))):
        then = stored[what]["fingerprint"] if what == "data" else stored[what]
        here = now[what]["fingerprint"] if what == "data" else now[what]
        check_same(what, where, then, here)


def has_second_fold(run: Prepared) -> bool:
    """Returns whether the leaders of a search are trained again; more time may bring it that."""
    if not is_there(run.store.root / "study.json"):
        return _affords_second_fold(run)
    study = run.store.read_study()
    if study.get("second_fold") is False and has_more_time(study, run.config):
        return _affords_second_fold(run)
    return bool(study.get("second_fold", False))


def _affords_second_fold(run: Prepared) -> bool:
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
