"""An approach of a single softmax over the joint label, from its configs' probabilities."""

from collections.abc import Mapping

from search.analysis.approaches.build import JointPredictions, Model, build
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.metrics import Floats
from search.analysis.people import People
from search.analysis.recombine import HeadLayout


def build_one(
    name: str, candidates: Mapping[str, Floats], people: People, cross_fit: CrossFit
) -> JointPredictions:
    """Returns the approach of one model with these configs, each float [S, N, C]."""
    heads = {config: [probs] for config, probs in candidates.items()}
    model = Model(key=name, heads=heads, layout=HeadLayout((people.num_classes,), ((0,),)))
    return build(name, [model], people, cross_fit)
