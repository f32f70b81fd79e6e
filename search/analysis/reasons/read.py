"""Reasons as `verdict.json` has them: a reason says by its key alone which figures it has."""

from collections.abc import Mapping
from typing import Any

from search.analysis.plain import from_plain, need
from search.analysis.reasons.attribution import Attribution
from search.analysis.reasons.gather import Calibration
from search.analysis.reasons.of_attributes import ErrorBudget, ScoresByState
from search.analysis.reasons.of_controls import EqualParameters, SharedConfig
from search.analysis.reasons.of_numbers import Boundary
from search.analysis.reasons.of_pairs import ClassSize, ErrorOverlap, RuleGain
from search.analysis.reasons.of_search import GradientConflict, Overtuning
from search.analysis.reasons.of_steps import Steps
from search.analysis.reasons.reason import Figures, Reason, Unread
from search.analysis.uncertainty.interval import Interval

_KINDS: Mapping[str, type[Figures]] = {
    "attribution": Attribution,
    "boundary": Boundary,
    "calibration": Calibration,
    "class_size": ClassSize,
    "decision_rule": RuleGain,
    "equal_parameters": EqualParameters,
    "error_budget": ErrorBudget,
    "error_overlap": ErrorOverlap,
    "gradient_conflict": GradientConflict,
    "label_noise": Steps,
    "learning_curve": Steps,
    "overtuning": Overtuning,
    "sampler": Steps,
    "scores_by_state": ScoresByState,
    "shared_config": SharedConfig,
}
"""Kinds that are read back whole; of any other the numbers are kept as they are."""


def read_reason(data: Mapping[str, Any]) -> Reason:
    """Returns the reason that `Reason.to_dict` wrote.

    Raises:
        AnalysisError: its key, its sentence or one of its figures is missing.
    """
    key, effect = need(data, "key"), data.get("effect")
    kind, figures = _KINDS.get(key.partition(".")[0]), data.get("figures") or {}
    return Reason(
        key=key,
        mechanism=data.get("mechanism") or "",
        about=tuple(data.get("about") or ()),
        sentence=need(data, "sentence"),
        figures=Unread(values=figures) if kind is None else from_plain(kind, figures),
        effect=effect and Interval.from_dict(effect),
        p_adjusted=data.get("p_adjusted"),
        doubt=data.get("doubt") or "",
    )
