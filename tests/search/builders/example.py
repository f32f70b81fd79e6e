"""Contents with every part, in English and Korean, small enough to read."""

import numpy as np

from search.analysis.curves import Curve
from search.analysis.ensemble.summary import EnsembleSummary
from search.analysis.plain import from_plain
from search.analysis.reasons.read import read_reason
from search.analysis.uncertainty.interval import Interval
from search.analysis.verdict.outcomes import (
    PairVerdict,
    Verdict,
)
from search.analysis.verdict.rules import (
    Caveat,
)
from search.report.contents import (
    Confusion,
    Cost,
    DataFacts,
    Network,
    PeopleTable,
    ReportContents,
    Reproduce,
    SearchSummary,
    SpaceConfig,
)
from search.report.shift import Shift

AGES = ("<30", "30-59", ">=60")
MASKS = ("착용", "잘못 착용", "미착용")


def pair(a="joint", b="separate", difference=0.02, half=0.01, verdict="a_wins", **more):
    return {
        "a": a,
        "b": b,
        "difference": difference,
        "interval": [difference - half, difference + half],
        "confidence_a_greater": 0.98,
        "p_adjusted": 0.03,
        "verdict": verdict,
        "would_decide": {"people": None, "seeds": None, "together": False},
        **more,
    }


def typed_pair(**figures):
    return PairVerdict.from_dict(pair(**figures))


def reason(key, figures, about=("joint",), sentence="A sentence.", effect=None, **more):
    """Returns a reason as the file has it; numbers that are not given are those of its kind."""
    figures = {**NUMBERS.get(key.partition(".")[0], {}), **figures}
    if key == "overtuning" and "interval" not in figures:
        figures["interval"] = [figures["gap"] - 0.005, figures["gap"] + 0.005]
    return {
        "key": key,
        "mechanism": "",
        "about": list(about),
        "sentence": sentence,
        "supported": effect is not None,
        "effect": effect,
        "figures": figures,
        **more,
    }


def typed(*reasons):
    return [read_reason(each) for each in reasons]


def effect(value, half=0.004):
    return {"value": value, "interval": [value - half, value + half]}


PAIR = ("joint", "separate")
EDGE = {
    "edge": 60.0,
    "near_wrong": 0.4,
    "far_wrong": 0.01,
    "missed": 0.5,
    "bins": [
        {"raw": 59.0, "above": 0.3, "wrong": 0.3, "samples": 7},
        {"raw": 60.0, "above": 0.5, "wrong": 0.5, "samples": 7},
    ],
}
STATES = {
    "mask": {"착용": {"macro_f1": 0.8, "samples": 9}, "미착용": {"macro_f1": 0.7, "samples": 9}}
}
BINS = [{"confidence": 0.5, "accuracy": 0.4, "samples": 5}]
ECE = {"raw": {"ece": 0.03, "nll": 0.4}, "calibrated": {"ece": 0.01, "nll": 0.4}}
OVERLAP = {
    "disagreement": 0.2,
    "kappa": 0.7,
    "shared_errors": 0.4,
    "only_first_right": 0.1,
    "only_second_right": 0.08,
    "oracle": 0.85,
}
STEPS = {
    "x_name": "people (%)",
    "y_name": "macro-F1",
    "lines": {"joint": [{"x": 50, "value": 0.7, "interval": [0.6, 0.8]}, {"x": 25, "value": 0.6}]},
    "own": {},
    "change": effect(0.03),
    "people": 90,
    "seeds": 2,
}
BARS = {"axis": "macro-F1", "bars": {"three": {"joint": 0.8}, "one": {"joint": 0.7, "other": 0.6}}}
NUMBERS = {
    "attribution": {"difference": 0.02, "parts": {"age": 0.015, "coupling": 0.005}},
    "class_size": {
        "samples": [83, 900, 0],
        "people": [10, 90, 0],
        "gain": [0.1, -0.01, 0.0],
        "halves": [0.1, -0.01],
        "rank_correlation": None,
    },
    "decision_rule": {"gain": {"joint": 0.001, "separate": -0.02}},
    "error_overlap": OVERLAP,
    "error_budget": {"score": 0.7, "perfect": {}, "cost": {"age": 0.2, "mask": 0.01}},
    "boundary": {"attribute": "age", "edges": [EDGE]},
    "scores_by_state": {"attribute": "age", "states": STATES},
    "calibration": ECE,
    "overtuning": {"search": 0.8, "fresh": 0.79, "gap": 0.01},
    "gradient_conflict": {
        "cosine": {
            "gender|age": {"value": -0.12, "range": [-0.2, -0.1]},
            "mask|age": {"value": 0.1, "range": [0.0, 0.2]},
        },
        "trainings": 6,
        "x_name": "epoch",
        "y_name": "cosine",
        "lines": {
            "gender and age": [{"x": 1, "value": -0.12, "interval": [-0.2, -0.1]}],
            "mask and age": [{"x": 1, "value": 0.1, "interval": [0.0, 0.2]}],
        },
    },
    "learning_curve": STEPS,
    "label_noise": STEPS,
    "sampler": STEPS,
    "shared_config": {**BARS, "tuning": effect(0.02), "decomposition": effect(0.01)},
    "equal_parameters": {**BARS, "gain": effect(0.03), "lead": effect(0.01)},
}
"""What the reasons of each kind have."""

REASONS = {
    "attribution": reason("attribution.age", {}, PAIR, effect=effect(0.015)),
    "class_size": reason("class_size", {}, PAIR, effect=effect(0.01)),
    "decision_rule": reason("decision_rule", {}, PAIR, effect=effect(0.02)),
    "error_overlap": reason("error_overlap", {}, PAIR),
    "error_budget": reason("error_budget", {}),
    "boundary": reason("boundary.age", {}),
    "scores_by_state": reason("scores_by_state.age", {}),
    "calibration": reason("calibration", {"bins": BINS}),
    "overtuning": reason("overtuning", {}),
    "gradient_conflict": reason("gradient_conflict", {}, ("multihead",)),
    "learning_curve": reason("learning_curve", {}, PAIR, effect=effect(0.03)),
    "equal_parameters": reason("equal_parameters", {}, PAIR, effect=effect(0.03)),
}
ONE_SEED = {
    "verdict": "undecided",
    "would_decide": {"people": None, "seeds": 2},
    "note": Caveat.ONE_SEED.value,
}
"""Figures of a pair that was trained with one seed."""


def ensemble(**changes):
    gains = [
        {"approach": name, "score": effect(score), **effect(gain, half=0.01), "p_greater": 0.98}
        for name, score, gain in (("joint", 0.77, 0.02), ("separate", 0.75, 0.04))
    ]
    return {
        "schema": 1,
        "sentence": "The ensemble gains.",
        "selection": "greedy",
        "fell_back": False,
        "mirrored": False,
        "score": effect(0.795),
        "score_without_biases": effect(0.79),
        "best_approach": "joint",
        "gains": gains,
        "members": [
            {
                "name": f"{approach}.chosen.0",
                "approach": approach,
                "weight": weight,
                "serving_ms": ms,
                "parts": parts,
            }
            for approach, weight, ms, parts in (
                ("separate", 0.25, 12.34, ["mask.1.0", "age.2.0"]),
                ("joint", 0.75, 0.456, ["joint.1.0"]),
            )
        ],
        "serving_ms": 12.8,
        "candidates": 9,
        "seeds": 2,
        "folds": 3,
        "people": 600,
        "photos": 4200,
        **changes,
    }


def verdict(**more):
    return {
        "schema": 1,
        "answer": "joint beats separate by 0.02 macro-F1.",
        "margin": 0.005,
        "people": 600,
        "photos": 4200,
        "scores": {
            "separate": {"value": 0.74, "interval": [0.7, 0.78], "per_seed": [0.73, 0.75]},
            "joint": {
                "value": 0.76,
                "interval": [0.72, 0.8],
                "per_seed": [0.75, 0.77],
                "with_decision_rule": {"value": 0.77, "interval": [0.73, 0.81]},
                "seeds_averaged": {"value": 0.765, "interval": [0.73, 0.8]},
            },
        },
        "pairs": [
            pair(
                with_decision_rule=pair(difference=0.015),
                decision_rule_effect=effect(-0.005),
                parts={"chose_nothing": pair(difference=0.021), "chose": pair(difference=0.017)},
            )
        ],
        "reasons": [
            *REASONS.values(),
            reason("decision_rule", {}, PAIR, "Not this.", effect(0.0)),
        ],
        **more,
    }


def judged(values):
    """Returns the parts of the contents that a file with these entries has."""
    found = {"margin": 0.005, "people": 600, "photos": 4200, "scores": {}, "pairs": [], **values}
    described = values.get("descriptions", {}).values()
    rows = [*values.get("reasons", ()), *(row for rows in described for row in rows)]
    ensemble = values.get("ensemble")
    return {
        "answer": values.get("answer", "An answer."),
        "verdict": Verdict.from_dict(found) if found["scores"] or found["pairs"] else None,
        "reasons": tuple(typed(*rows)),
        "ensemble": None if ensemble is None else from_plain(EnsembleSummary, ensemble),
        "notes": tuple(values.get("notes", ())),
    }


DEFAULT = {"optim.lr": 0.002, "loss.name": "ce"}


def confusions():
    ages = np.array([[90, 10, 0], [8, 84, 8], [0, 34, 66]])
    joint_names = tuple(f"{mask} {age}" for mask in MASKS for age in AGES)
    joint = np.kron(np.eye(3, dtype=np.int64), ages)
    return (
        Confusion(name="age", classes=AGES, counts={"joint": ages, "separate": ages.T.copy()}),
        Confusion(
            name="joint", classes=joint_names, counts={"joint": joint, "separate": joint}, block=3
        ),
    )


def parts():
    """Returns every optional part of the contents by name."""
    found = judged(verdict())
    return {
        "verdict": found["verdict"],
        "reasons": found["reasons"],
        "curves": (
            Curve(name="joint", device_seconds=(10, 40), values=(0.5, 0.7), spent=600),
            Curve(name="separate", device_seconds=(30,), values=(0.6,), spent=590),
        ),
        "confusions": confusions(),
        "importances": {"age": {"optim.lr": 0.6, "loss.name": 0.1}, "mask": {}},
        "when": "search 2026-11-20 14:03 to 14:12 UTC",
        "networks": {
            "joint": (Network(classes={"mask": 3, "age": 3}),),
            "separate": (Network(classes={"mask": 3}), Network(classes={"age": 3})),
        },
        "configs": (
            SpaceConfig(
                space="age", best={"optim.lr": 0.0123456, "loss.name": "ce"}, default=DEFAULT
            ),
            SpaceConfig(space="mask", best=DEFAULT, default=DEFAULT),
        ),
        "costs": (
            Cost(approach="joint", search_device_seconds=600, parameters=4_000_000, serve_ms=6.0),
            Cost(approach="separate", search_device_seconds=590, serve_ms=18.0),
        ),
        "data": DataFacts(
            name="demo",
            num_people=600,
            num_photos=4200,
            origin="drawn by headrace",
            attributes={"mask": 3, "age": 3},
            held_out_people=120,
            people=PeopleTable(
                row_name="gender",
                column_name="age",
                rows=("남성", "female"),
                columns=AGES,
                counts=np.array([[100, 90, 10], [200, 180, 20]]),
                num_people=600,
            ),
            class_photos={"착용 <30": 83, "착용 >=60": 4085},
            shifts=(
                Shift(
                    name="age",
                    classes=AGES,
                    training=(0.5, 0.4, 0.1),
                    predicted=(0.5, 0.45, 0.05),
                    averaged=(0.5, 0.43, 0.07),
                    estimated=(0.5, 0.3, 0.2),
                    low=(0.4, 0.2, 0.1),
                    high=(0.6, 0.4, 0.3),
                    validated=(0.5, 0.4, 0.1),
                ),
            ),
        ),
        "searches": (
            SearchSummary(
                space="age",
                approach="separate",
                trials=24,
                complete=7,
                stopped=15,
                failed=1,
                cut_off=1,
                best=0.83,
                interval=Interval(value=0.83, low=0.8, high=0.86),
                default=0.8,
                device_seconds=200.0,
            ),
        ),
        "reproduce": Reproduce(
            commands=("headrace run --space all --data 'a<b'",),
            versions={"torch": "2.11"},
            fingerprints={"data": "5a1c"},
            hardware={"cpu": "2 cores"},
            seed=7,
            commit="abc123",
        ),
    }


def contents(values=None, **changes):
    """Returns the contents of a page; `values` are those of a file, as `verdict()` has them."""
    found = judged(verdict() if values is None else values)
    return ReportContents(**{"title": "headrace: demo <1>", **parts(), **found, **changes})
