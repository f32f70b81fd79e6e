"""Candidates of small made-up people for the tests of the ensemble."""

import numpy as np

from search.analysis.ensemble.candidates import Candidate, StoredNetwork
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.people import People
from search.analysis.recombine import HeadLayout, attribute_classes

SIZES = (2, 3)
NUM_CLASSES = 6
WHOLE = HeadLayout(SIZES, ((0, 1),))
EACH = HeadLayout(SIZES, ((0,), (1,)))


def softmax(scores):
    values = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return (values / values.sum(axis=-1, keepdims=True)).astype(np.float32)


def labels_of(rng, num_people, photos=2):
    """Returns y and g of people who have one class in all their photos."""
    y = np.repeat(rng.permutation(np.arange(num_people) % NUM_CLASSES), photos)
    return y, np.repeat(np.arange(num_people), photos)


def people_of(y, g):
    return People(label=y, person=g, num_classes=NUM_CLASSES)


def plan_of(g, num_folds=3, held_out=False):
    held = (g % 5 == 4) if held_out else None
    return CrossFit.of_people(g % num_folds, g, held)


def output(rng, y, num_classes, signal):
    """Returns probabilities that know the class by `signal`; 0 is pure noise."""
    return softmax(rng.normal(size=(len(y), num_classes)) + signal * np.eye(num_classes)[y])


def joint(rng, y, signal, name, *, mirror_signal=None, cost_ms=1.0):
    heads = ((output(rng, y, NUM_CLASSES, signal),),)
    mirrored = ()
    if mirror_signal is not None:
        mirrored = ((output(rng, y, NUM_CLASSES, mirror_signal),),)
    network = StoredNetwork(configs=(name,), heads=heads, mirrored=mirrored)
    return Candidate(
        name=f"{name}.0", approach="joint", networks=(network,), layout=WHOLE, cost_ms=cost_ms
    )


def separate(rng, y, signal, name, cost_ms=1.0):
    axes = attribute_classes(y, SIZES).T
    networks = tuple(
        StoredNetwork(configs=(f"{place}.{name}",), heads=((output(rng, axis, size, signal),),))
        for place, (axis, size) in enumerate(zip(axes, SIZES, strict=True))
    )
    return Candidate(
        name=name, approach="separate", networks=networks, layout=EACH, cost_ms=cost_ms
    )


def multihead(rng, y, signal, name, cost_ms=1.0):
    axes = attribute_classes(y, SIZES).T
    heads = tuple(output(rng, axis, size, signal) for axis, size in zip(axes, SIZES, strict=True))
    network = StoredNetwork(configs=(name,), heads=(heads,))
    return Candidate(
        name=name, approach="multihead", networks=(network,), layout=EACH, cost_ms=cost_ms
    )


def mixed(rng, y, signal, num=3):
    """Returns `num` candidates of every approach."""
    return [
        make(rng, y, signal, f"{make.__name__}.{index}")
        for index in range(num)
        for make in (joint, separate, multihead)
    ]
