"""README.md of an ensemble's folder: what it is, how good it is, and what it is not for."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from search.analysis.fitting.calibration import expected_calibration_error, negative_log_likelihood
from search.analysis.people import People
from search.analysis.recombine import attribute_classes
from search.analysis.uncertainty.bootstrap import person_bootstrap_interval
from search.analysis.uncertainty.class_scores import class_scores
from search.analysis.uncertainty.interval import Interval
from search.predict.oof import OutOfFold
from search.predict.spec import EnsembleSpec
from search.store.files import write_text
from trainables.data.schema import JOINT

CARD_FILE = "README.md"
_MARKUP = re.compile(r"[\\`*\[\]~|]")
_ADDRESS = re.compile(r"(:(?=//)|(?<=www)\.)", re.IGNORECASE)
_BLOCK = re.compile(r"[#>+=-]|\d(?=\d*[.)])")

_USE = """\
From Python (photos are paths, Pillow images or uint8 arrays [N, H, W, 3] in RGB):

```python
import headrace

ensemble = headrace.Ensemble.load("results/{run}/ensemble")
probs = ensemble(["a.jpg", "b.jpg"])  # float64 [2, {num_classes}], rows sum to 1
names = [ensemble.spec.labels.joint_names[k] for k in ensemble.classes(probs)]
```

From the command line:

```
headrace predict {run} --images DIR --out ans.csv
headrace export {run} --to onnx
```

The folder is all that is needed: it can be copied and works offline. The weights are safetensors
(`members/`), `ensemble.yaml` says how they are put together, `oof.npz` holds the out-of-fold
predictions behind the figures above. Nothing in it is a pickle."""

_LIMITS = """\
Made for sorting photos like those it was trained on: of the same kind of people, taken in the
same way, and for comparing ways to build such models. Figures about groups of photos are safer
than anything said of one photo.

It must not be used

* to identify or track a person, or to decide about one: admission, work, credit, insurance,
  policing, health;
* to establish a person's age, gender or any other attribute as a fact. The classes are what
  annotators saw in a photo, not what a person is or says;
* on people who have not agreed to it, or where the law forbids it;
* as a safety or medical device, whether a face is covered or not.

Known limits:

* it answers every photo with one of its classes, a photo without a person too;
* a class of few people (see above) is known badly, whatever its figure;
* other cameras, other light, other ages or parts of the world than in the training data were not
  tested: the scores above do not hold there. Measure it on labelled photos of your own first;
* probabilities hold for classes as frequent as they were in training, and no better than the
  calibration error above."""


def write_model_card(folder: Path) -> None:
    """Writes `README.md` into the folder of an ensemble, from `ensemble.yaml` and `oof.npz`.

    Raises:
        ResultsError: one of the two is missing or torn, or they do not fit together.
    """
    write_text(folder / CARD_FILE, model_card(EnsembleSpec.read(folder), OutOfFold.read(folder)))


def model_card(spec: EnsembleSpec, oof: OutOfFold) -> str:
    """Returns the Markdown of the card.

    Raises:
        ResultsError: the two are of different classes.
    """
    oof.check_classes(spec.labels.num_joint)
    use = _USE.format(run=_code(spec.run), num_classes=spec.labels.num_joint)
    blocks = (
        f"# Ensemble of the run {_cell(spec.run)}",
        _introduction(spec),
        "## How good it is",
        _scores(spec, oof),
        "## By class",
        _classes(spec, oof),
        "## Members",
        _members(spec),
        "## Calibration",
        _calibration(spec, oof),
        "## How to use it",
        use,
        "## What it is for, and what not",
        _LIMITS,
        "## Versions",
        ", ".join(_cell(f"{name} {version}") for name, version in spec.versions.items()),
    )
    return f"---\n{_metadata(spec)}---\n\n" + "\n\n".join(blocks) + "\n"


def _metadata(spec: EnsembleSpec) -> str:
    """Returns what a model hub reads of a card, as YAML."""
    score = {
        "type": "f1",
        "name": f"macro-F1 of {spec.labels.num_joint} classes, people never seen",
        "value": round(Interval.from_dict(spec.score).value, 4),
    }
    result = {
        "task": {"type": "image-classification"},
        "dataset": {"type": "custom", "name": f"data {_cell(spec.fingerprint)}"},
        "metrics": [score],
    }
    values = {
        "library_name": "headrace",
        "pipeline_tag": "image-classification",
        "tags": [
            "headrace",
            "timm",
            "ensemble",
            *(_cell(each.name) for each in spec.labels.attributes),
        ],
        "metrics": ["f1"],
        "model-index": [{"name": _cell(spec.run), "results": [result]}],
    }
    # Whatever a name holds, it stays on the line of its key.
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100_000)


def _introduction(spec: EnsembleSpec) -> str:
    attributes = "\n".join(
        f"* {_first(attribute.name)}: {', '.join(map(_cell, attribute.classes))}"
        for attribute in spec.labels.attributes
    )
    height, width = spec.stored_size
    return (
        f"Tells {spec.labels.num_joint} classes from a photo of a person, the combinations of\n\n"
        f"{attributes}\n\n"
        f"Trained on {spec.photos} photos of {spec.people} people (data fingerprint "
        f"`{_code(spec.fingerprint)}`), brought to {width} x {height} pixels."
    )


def _scores(spec: EnsembleSpec, oof: OutOfFold) -> str:
    labels = spec.labels
    sizes = [len(attribute.classes) for attribute in labels.attributes]
    true, predicted = (attribute_classes(codes, sizes) for codes in (oof.label, oof.predicted))
    joint = f"{JOINT} ({labels.num_joint} classes)"
    rows = [(joint, Interval.from_dict(spec.score), oof.label == oof.predicted)]
    for axis, attribute in enumerate(labels.attributes):
        y, found = true[:, axis], predicted[:, axis]
        people = People(label=y, person=oof.person, num_classes=sizes[axis])
        score = person_bootstrap_interval(people, found)
        rows.append((f"{attribute.name} ({sizes[axis]} classes)", score, y == found))
    table = _table(
        ("", "macro-F1", "95 % interval", "accuracy"),
        ((_cell(name), *_figures(score), f"{hits.mean():.3f}") for name, score, hits in rows),
    )
    return (
        f"{table}\n\nNested out-of-fold: nobody was predicted by a network, weight, temperature "
        "or bias that had seen that person; only the search for configs has seen four fifths of "
        "the people. The intervals are over people, not photos."
        f"{_gain(spec)}"
    )


def _gain(spec: EnsembleSpec) -> str:
    score = spec.score
    if "gain" not in score or "gain_interval" not in score:
        return ""
    if score.get("fell_back"):
        best = _cell(str(score["best_approach"]))
        return f" No ensemble across approaches gained over {best}; this is {best} alone."
    low, high = score["gain_interval"]
    gain = Interval(value=score["gain"], low=low, high=high)
    best = _cell(str(score.get("best_approach", "the best single approach")))
    return f" Gain over {best} (its seeds averaged), both without class biases: {gain:+.4f}."


def _classes(spec: EnsembleSpec, oof: OutOfFold) -> str:
    people = People(label=oof.label, person=oof.person, num_classes=spec.labels.num_joint)
    found = class_scores(people, oof.predicted)
    rows = (
        (_cell(name), *_figures(score.f1), str(score.photos), str(score.people))
        for name, score in zip(spec.labels.joint_names, found, strict=True)
    )
    return _table(("class", "F1", "95 % interval", "photos", "people"), rows)


def _members(spec: EnsembleSpec) -> str:
    rows = (
        (
            _cell(member.name),
            _cell(member.approach),
            f"{member.weight:.3f}",
            "; ".join(
                f"{_cell(part.name)}: {_cell(str(part.config.get('backbone.name', '?')))} at "
                f"{_cell(str(part.config.get('input.size', '?')))} px"
                for part in member.parts
            ),
            str(member.num_folds * len(member.parts)),
        )
        for member in spec.members
    )
    table = _table(("member", "approach", "weight", "networks, each once per fold", "files"), rows)
    mirrored = "and its mirror image " if spec.mirrored else ""
    return (
        f"{table}\n\nWeights: {spec.selection}. Every network sees the photo {mirrored}and gives "
        "the probabilities of its heads; a member's joint probabilities are their product, "
        "averaged over folds."
    )


def _calibration(spec: EnsembleSpec, oof: OutOfFold) -> str:
    hot = [t for part in spec.parts for t in part.temperatures]
    error = expected_calibration_error(oof.probs, oof.label)
    loss = negative_log_likelihood(oof.probs, oof.label)
    biases = (
        "Class biases are added to log p before the class is chosen"
        if any(spec.biases)
        else "No class biases are used: the class is the most probable one"
    )
    return (
        f"Every head has a temperature ({min(hot):.2f} to {max(hot):.2f}), fitted on people its "
        f"networks had not seen. Out-of-fold, confidence and accuracy are {error:.3f} apart "
        f"(expected calibration error); the negative log-likelihood is {loss:.3f} nats. {biases}."
    )


def _figures(score: Interval) -> tuple[str, str]:
    return f"{score.value:.3f}", f"{score.low:.3f} to {score.high:.3f}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(text: str) -> str:
    """Returns a name from data or a file as Markdown that shows it, on one line.

    A class "<b>" is no tag, "a|b" is one cell, and no name becomes a link, a picture or a block of
    its own; addresses would be links even without brackets.
    """
    one_line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return _ADDRESS.sub(r"\\\1", _MARKUP.sub(r"\\\g<0>", one_line))


def _first(text: str) -> str:
    """Returns a name at the start of a line: it begins no heading, quotation or list."""
    start = _BLOCK.match(text.lstrip())
    return f"&#{ord(start[0])};{_cell(text.lstrip()[1:])}" if start else _cell(text)


def _code(text: str) -> str:
    """Returns a name between backticks or in a block of code, out of which nothing leads."""
    return re.sub(r"[^\w. -]", "_", text)
