"""The last section: how it was done, folded, with references."""

from collections.abc import Iterator

from search.report.contents import ReportContents
from search.report.document import Folded, Items, Section

_SEARCH = (
    "Search: {shared}the first trial of a space is its default config, the others are suggested "
    "by a tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kegl 2011, Algorithms "
    "for hyper-parameter optimization), and weak ones are stopped by asynchronous successive "
    "halving (Li et al. 2020, A system for massively parallel hyperparameter tuning)."
)
_CHOICE = (
    "Choice: a search chooses the default config unless another leads it, in the mean score of "
    "the last epochs, and of both folds where the leaders were trained on a second, by more than "
    "luck: the largest lead is held to the critical value of Dunnett's test (1955, A multiple "
    "comparison procedure for comparing several treatments with a control), one-sided at 0.2, for "
    "as many configs as lead, and to 1.25 standard errors over people at least; the mean of both "
    "folds to 1.5. Older runs of headrace asked for one standard error or 1.5 of one fold, too "
    "(after the rule of that name of Breiman, Friedman, Olshen and Stone 1984, Classification and "
    "regression trees), or chose the highest score."
)
_REFIT = (
    "Refit: the chosen configs are trained again with new seeds on folds that share no person; "
    "every person is scored by models that never saw that person."
)
_SCORES = (
    "Scores: macro-F1 over the joint classes. Intervals are 95 %, over people and, where there "
    "are several, training seeds, with the degrees of freedom of Satterthwaite (1946, An "
    "approximate distribution of estimates of variance components)."
)
_PAIRS = (
    "Pairs: all pairs of approaches are tested together within 5 % (Shaffer 1986, Modified "
    "sequentially rejective multiple test procedures); several looks at a growing number of seeds "
    "share these 5 % (Maurer and Bretz 2013, Multiple testing in group sequential trials using "
    "graphical approaches)."
)
_REASONS = (
    "Reasons: the effects of decided pairs are tested together within 5 % (Holm 1979, A simple "
    "sequentially rejective multiple test procedure)."
)
_PROBABILITIES = (
    "Probabilities: compared by the log score after temperature scaling fitted on other people "
    "(Guo, Pleiss, Sun and Weinberger 2017, On calibration of modern neural networks)."
)
_IMPORTANCE = (
    "Parameters: functional analysis of variance (Hutter, Hoos and Leyton-Brown 2014, An "
    "efficient approach for assessing hyperparameter importance)."
)
_ENSEMBLE = (
    "Ensemble: members chosen with replacement (Caruana, Niculescu-Mizil, Crew and Ksikes 2004, "
    "Ensemble selection from libraries of models), or weights by CMA-ES (Hansen 2016, The CMA "
    "evolution strategy: a tutorial); scored on people who had no part in the choice."
)
_SHIFT = (
    "Unlabelled photos: shares of classes by the EM of Saerens, Latinne and Decaestecker (2002, "
    "Adjusting the outputs of a classifier to new a priori probabilities: a simple procedure)."
)


def methods_section(contents: ReportContents) -> Section | None:
    """Returns how everything on the page was done; what the page lacks is left out."""
    found = tuple(told(contents))
    if not found:
        return None
    folded = Folded(summary="Methods and references", blocks=(Items(items=found),))
    return Section(kicker="Methods", heading="How it was done", blocks=(folded,))


def told(contents: ReportContents) -> Iterator[str]:
    """Yields how everything was done, in sentences; what was not done is left out."""
    if contents.searches:
        shared = f"{contents.effort}; " if contents.effort else ""
        yield from (_SEARCH.format(shared=shared), _CHOICE)
    if contents.searches and contents.scores:
        yield _REFIT
    if contents.scores:
        yield _SCORES
    if contents.pairs:
        yield _PAIRS
    if any(reason.effect is not None for reason in contents.reasons):
        yield _REASONS
    if any(pair.statements is not None for pair in contents.pairs):
        yield _PROBABILITIES
    if any(contents.importances.values()):
        yield _IMPORTANCE
    if contents.ensemble is not None:
        yield _ENSEMBLE
    if contents.data is not None and contents.data.shifts:
        yield _SHIFT
