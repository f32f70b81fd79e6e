"""Contents with every part, in English and Korean, small enough to read."""

import numpy as np

from search.analysis.curves import Curve
from search.report.contents import (
    Confusion,
    Cost,
    DataFacts,
    PeopleTable,
    ReportContents,
    Reproduce,
    SearchSummary,
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
        "p_a_greater": 0.98,
        "p_holm": 0.03,
        "verdict": verdict,
        **more,
    }


def reason(key, figures, about=("joint",), sentence="A sentence.", effect=None, **more):
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
OVERLAP = {"disagreement": 0.2, "only_first_right": 0.1, "only_second_right": 0.08}

REASONS = {
    "attribution": reason("attribution.age", {}, PAIR, effect=effect(0.015)),
    "class_size": reason(
        "class_size",
        {"samples": [83, 900, 0], "gain": [0.1, -0.01, 0.0], "halves": [0.1, -0.01]},
        PAIR,
        effect=effect(0.01),
    ),
    "decision_rule": reason(
        "decision_rule", {"gain": {"joint": 0.001, "separate": -0.02}}, PAIR, effect=effect(0.02)
    ),
    "error_overlap": reason("error_overlap", OVERLAP, PAIR),
    "error_budget": reason("error_budget", {"cost": {"age": 0.2, "mask": 0.01}}),
    "boundary": reason("boundary.age", {"attribute": "age", "edges": [EDGE]}),
    "scores_by_state": reason("scores_by_state.age", {"attribute": "age", "states": STATES}),
    "calibration": reason("calibration", {**ECE, "bins": BINS}),
    "overtuning": reason("overtuning", {"search": 0.8, "fresh": 0.79, "gap": 0.01}),
    "gradient_conflict": reason(
        "gradient_conflict",
        {
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
        ("multihead",),
    ),
    "learning_curve": reason(
        "learning_curve",
        {
            "x_name": "people (%)",
            "y_name": "macro-F1",
            "lines": {
                "joint": [{"x": 50, "value": 0.7, "interval": [0.6, 0.8]}, {"x": 25, "value": 0.6}]
            },
        },
        PAIR,
        effect=effect(0.03),
    ),
    "equal_parameters": reason(
        "equal_parameters",
        {
            "axis": "macro-F1",
            "bars": {"three": {"joint": 0.8}, "one": {"joint": 0.7, "other": 0.6}},
        },
        PAIR,
        effect=effect(0.03),
    ),
}


def ensemble(**changes):
    gains = [
        {"approach": name, "score": effect(score), **effect(gain, half=0.01)}
        for name, score, gain in (("joint", 0.77, 0.02), ("separate", 0.75, 0.04))
    ]
    return {
        "sentence": "The ensemble gains.",
        "fell_back": False,
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
                "parts": {"search": {"value": 0.761}, "held_out": {"value": 0.75}},
            },
        },
        "pairs": [
            pair(
                with_decision_rule=pair(difference=0.015),
                parts={"search": pair(difference=0.021), "held_out": pair(difference=0.017)},
            )
        ],
        "reasons": [
            *REASONS.values(),
            reason("decision_rule", {}, PAIR, "Not this.", effect(0.0)),
        ],
        **more,
    }


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
    return {
        "verdict": verdict(),
        "curves": (
            Curve(name="joint", device_seconds=(10, 40), values=(0.5, 0.7), spent=600),
            Curve(name="separate", device_seconds=(30,), values=(0.6,), spent=590),
        ),
        "confusions": confusions(),
        "importances": {"age": {"optim.lr": 0.6, "loss.name": 0.1}, "mask": {}},
        "costs": (
            Cost(approach="joint", search_device_seconds=600, parameters=4_000_000, serve_ms=6.0),
            Cost(approach="separate", search_device_seconds=590, serve_ms=18.0),
        ),
        "data": DataFacts(
            name="demo",
            num_people=600,
            num_photos=4200,
            held_out_people=120,
            people=PeopleTable(
                row_name="gender",
                column_name="age",
                rows=("남성", "female"),
                columns=AGES,
                counts=np.array([[100, 90, 10], [200, 180, 20]]),
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
                interval=(0.8, 0.86),
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


def contents(**changes):
    return ReportContents(**{"title": "headrace: demo <1>", **parts(), **changes})
