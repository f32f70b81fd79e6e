"""From the models of a refit to the joint probabilities of an approach.

Notation:
    N samples, S seeds, R rounds of the cross-fit, A attributes with sizes K_1..K_A, C joint
    classes.
    candidates: name of a config -> float [S, N, K], its out-of-fold probabilities.
    y: int [N] joint class, mixed radix of the attribute classes (`search.analysis.recombine`).

The best of many configs looks better than it is. So a config is chosen for the people of a fold by
the people of the other folds (`CrossFit`), and its score there owes nothing to the choice. Each
round does everything anew on its own fit people: it chooses, calibrates the chosen config and fits
class biases, so that no label of a fold reaches that fold by a detour through the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from search.analysis.approaches.approach import Approach
from search.analysis.approaches.choice_luck import Target, choice_variance, log_choice_variance
from search.analysis.errors import AnalysisError
from search.analysis.exact import mean_in_any_order
from search.analysis.fitting.calibration import Calibration, Method, fit_calibration, log_of_true
from search.analysis.fitting.class_biases import fit_class_biases, predict_with_biases
from search.analysis.fitting.cross_fit import CrossFit, Mask
from search.analysis.metrics import Floats, Ints, as_classes, macro_f1
from search.analysis.people import People
from search.analysis.recombine import HeadLayout

Candidates = Mapping[str, Floats]
ChoiceVariance = Callable[..., float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The config chosen in each round of the cross_fit: fold by fold, then for held-out people.

    `names` are those there were to choose from, in the order given (ties go to the first).
    """

    names: tuple[str, ...]
    by_round: tuple[str, ...]


def choose(candidates: Candidates, y: ArrayLike, cross_fit: CrossFit) -> Choice:
    """Returns for the people of each fold the config with the best macro-F1 on the others.

    Args:
        candidates: probabilities of one target; the score of a config is the mean over seeds.
        y: int [N] classes of that target.
        cross_fit: who decides about whom.

    Raises:
        AnalysisError: no config, or shapes that differ between configs.
    """
    shapes = {name: np.shape(probs) for name, probs in candidates.items()}
    if len(set(shapes.values())) != 1 or len(next(iter(shapes.values()))) != 3:
        raise AnalysisError(
            f"configs to choose from must have probabilities [seeds, samples, classes] of one "
            f"shape, got {shapes}"
        )
    names, num_classes = tuple(candidates), next(iter(shapes.values()))[2]
    true = as_classes(y, num_classes, "true classes")
    predicted = {name: np.argmax(candidates[name], axis=-1) for name in names}
    by_round = []
    for fit, _ in cross_fit.rounds():
        scores = np.array(
            [
                [macro_f1(true[fit], row[fit], num_classes) for row in predicted[name]]
                for name in names
            ]
        )
        by_round.append(names[int(np.argmax(mean_in_any_order(scores)))])
    return Choice(names=names, by_round=tuple(by_round))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JointPredictions:
    """Joint probabilities of an approach and what they were chosen from.

    `probs` float [S, N, C]; `with_rule` int [S, N], classes under nested biases, None where they
    were not asked for; `choices` by the key of the model; `targets` what the configs of every
    model competed for; `variants` as in `Approach`.
    """

    name: str
    probs: Floats
    with_rule: Ints | None
    choices: Mapping[str, Choice]
    targets: tuple[Target, ...]
    variants: tuple[Ints, ...] = ()

    @property
    def finalists(self) -> dict[str, dict[str, float]]:
        """Macro-F1 of every config on its model's own label, the mean over seeds, by model."""
        found = {}
        for (key, choice), target in zip(self.choices.items(), self.targets, strict=True):
            people = target.people
            found[key] = {
                name: float(
                    np.mean([macro_f1(people.label, row, people.num_classes) for row in rows])
                )
                for name, rows in zip(choice.names, target.predicted, strict=True)
            }
        return found

    def approach(
        self,
        cross_fit: CrossFit,
        *,
        num_resamples: int = 400,
        seed: int = 0,
        log_scores: bool = True,
    ) -> Approach:
        """Returns the approach for the verdict; `cross_fit` is the one it was built with.

        The luck of its choices is that over `num_resamples` of the people, drawn from `seed`. That
        of log scores takes a temperature of every config; without `log_scores` it is left out.
        """

        def luck(variance: ChoiceVariance) -> float:
            """Returns the variance that the choices of other people's labels would add."""
            rng = np.random.default_rng(seed)
            return variance(self.targets, cross_fit, num_resamples=num_resamples, rng=rng)

        return Approach.from_probs(
            self.name,
            self.probs,
            with_rule=self.with_rule,
            choice_variance=luck(choice_variance),
            log_choice_variance=luck(log_choice_variance) if log_scores else 0.0,
            num_networks=self.num_networks,
            variants=self.variants,
        )

    @property
    def num_networks(self) -> int:
        """That one seed serves with: one a model."""
        return len(self.targets)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """One network of an approach, with the configs that compete for its place.

    Attributes:
        key: what its choice is called, the name of its space.
        heads: of every config, the out-of-fold probabilities of its heads, each [S, N, K].
        layout: which attributes these heads decide; configs are chosen by the label that they
            make together.
        finalists: those configs that the search found; the others were not searched for.
    """

    key: str
    heads: Mapping[str, Sequence[Floats]]
    layout: HeadLayout
    finalists: tuple[str, ...] = ()

    @property
    def products(self) -> Candidates:
        """The probabilities of every config, of the label that its heads make."""
        return {config: self.layout.joint(heads) for config, heads in self.heads.items()}


def build(
    name: str,
    models: Sequence[Model],
    people: People,
    cross_fit: CrossFit,
    *,
    with_rule: bool = True,
) -> JointPredictions:
    """Returns the joint probabilities of an approach: the product of all heads of its models.

    Where there are several heads, each is calibrated before the product; a single softmax over
    the joint label is left as it is. `with_rule` asks for class biases, too.

    Raises:
        AnalysisError: an attribute that no model decides or two do, or different seeds or samples.
    """
    layout = _whole_layout(name, models)
    method = Method.NONE if len(layout.covers) == 1 else Method.TEMPERATURE
    true = people.label
    products = [model.products for model in models]
    labels = [model.layout.label(true) for model in models]
    choices = {
        model.key: choose(configs, own, cross_fit)
        for model, configs, own in zip(models, products, labels, strict=True)
    }
    targets = tuple(
        _target(configs, own, people.person) for configs, own in zip(products, labels, strict=True)
    )
    _check_shapes(dict(zip(choices, targets, strict=True)), len(true))
    num_classes = int(np.prod([target.people.num_classes for target in targets]))
    probs = np.empty((targets[0].predicted.shape[1], len(true), num_classes))
    ruled = np.empty(probs.shape[:2], dtype=np.int64) if with_rule else None
    variants = {
        place: np.empty((len(model.finalists), *probs.shape[:2]), dtype=np.int64)
        for place, model in enumerate(models)
        if len(model.finalists) > 1
    }
    for number, (fit, apply) in enumerate(cross_fit.rounds()):
        chosen = [choices[model.key].by_round[number] for model in models]
        for seed in range(len(probs)):
            calibrated = _Calibrated(models, true, fit, apply, method, seed)
            probs[seed, apply] = applied = layout.joint(calibrated.applied(chosen))
            for place, found in variants.items():
                for row, config in enumerate(models[place].finalists):
                    other = [*chosen[:place], config, *chosen[place + 1 :]]
                    same = config == chosen[place]
                    joint = applied if same else layout.joint(calibrated.applied(other))
                    found[row, seed, apply] = joint.argmax(axis=-1)
            if ruled is not None:
                biases = fit_class_biases(layout.joint(calibrated.fitted(chosen)), true[fit])
                ruled[seed, apply] = predict_with_biases(applied, biases)
    return JointPredictions(
        name=name,
        probs=probs,
        with_rule=ruled,
        choices=choices,
        targets=targets,
        variants=tuple(variants.values()),
    )


def _whole_layout(name: str, models: Sequence[Model]) -> HeadLayout:
    """Returns the layout of all heads of an approach."""
    layout = HeadLayout(
        models[0].layout.sizes, tuple(axes for model in models for axes in model.layout.covers)
    )
    if not layout.is_whole:
        raise AnalysisError(
            f"the models of {name!r} must decide all {len(layout.sizes)} attributes, got those at "
            f"{layout.attributes}"
        )
    return layout


def _check_shapes(targets: Mapping[str, Target], num_samples: int) -> None:
    shapes = {key: target.predicted.shape[1:] for key, target in targets.items()}
    seeds, _ = next(iter(shapes.values()))
    if set(shapes.values()) != {(seeds, num_samples)}:
        raise AnalysisError(
            f"all models need the same seeds and the {num_samples} samples of the labels, got "
            f"[seeds, samples] {shapes}"
        )


class _Calibrated:
    """The heads of one seed, calibrated in one round by its fit people, each once.

    Args:
        models: of the approach.
        true: joint classes int [N].
        fit: who decides, bool [N].
        apply: about whom, bool [N].
        method: of the calibration.
        seed: number of the seed.
    """

    def __init__(
        self,
        models: Sequence[Model],
        true: Ints,
        fit: Mask,
        apply: Mask,
        method: Method,
        seed: int,
    ) -> None:
        self._models, self._fit, self._apply = models, fit, apply
        self._labels = [model.layout.head_labels(true) for model in models]
        self._method, self._seed = method, seed
        self._done: dict[tuple[int, str], list[Calibration]] = {}

    def fitted(self, configs: Sequence[str]) -> list[Floats]:
        """Returns the probabilities of the fit people by the heads of one config a model."""
        return self._heads(configs, self._fit)

    def applied(self, configs: Sequence[str]) -> list[Floats]:
        """Returns the probabilities of the apply people by the heads of one config a model."""
        return self._heads(configs, self._apply)

    def _heads(self, configs: Sequence[str], people: Mask) -> list[Floats]:
        return [
            calibration.apply(head[self._seed][people])
            for place, config in enumerate(configs)
            for head, calibration in zip(
                self._models[place].heads[config], self._of(place, config), strict=True
            )
        ]

    def _of(self, place: int, config: str) -> list[Calibration]:
        if (place, config) not in self._done:
            heads = self._models[place].heads[config]
            self._done[place, config] = [
                fit_calibration(head[self._seed][self._fit], labels[self._fit], self._method)
                for head, labels in zip(heads, self._labels[place], strict=True)
            ]
        return self._done[place, config]


def _target(candidates: Candidates, y: Ints, person: Ints) -> Target:
    predicted = np.stack([np.argmax(probs, axis=-1) for probs in candidates.values()])
    num_classes = next(iter(candidates.values())).shape[-1]
    people = People(label=y, person=person, num_classes=num_classes)
    # A temperature for every config, or configs would differ by their sharpness above all. Its own
    # people serve: one number fitted on all of them tells no config from another.
    log_probs = np.stack(
        [
            log_of_true(fit_calibration(probs[0], y, Method.TEMPERATURE).apply(probs), y)
            for probs in candidates.values()
        ]
    )
    return Target(predicted=predicted, people=people, log_probs=log_probs)
