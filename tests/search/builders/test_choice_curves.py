"""The choice of a search at every time, by the rules of the methods."""

from tests.search.builders.choice_curves import COMPLETE, FIRST_EPOCH, LAST, Report, choice_curve

REPORTS = [
    Report(time=4.0, trial="b", epoch=1, value=0.6),
    Report(time=1.0, trial="a", epoch=1, value=0.5),
    Report(time=2.0, trial="a", epoch=2, value=0.4),
    Report(time=5.0, trial="c", epoch=1, value=0.3),
    Report(time=6.0, trial="c", epoch=2, value=0.7),
]


def test_the_highest_last_score_may_be_of_a_trial_that_was_stopped():
    chosen, curve = choice_curve(REPORTS[:4], LAST, 2)
    assert chosen == "b"
    assert curve == [(1.0, 0.5), (2.0, 0.4), (4.0, 0.6)]


def test_only_trials_trained_in_full_are_chosen():
    chosen, curve = choice_curve(REPORTS, COMPLETE, 2)
    assert chosen == "c"
    assert curve == [(2.0, 0.4), (6.0, 0.7)]


def test_the_best_first_epoch_is_chosen_and_its_last_score_is_shown():
    chosen, curve = choice_curve(
        [*REPORTS, Report(time=7.0, trial="b", epoch=2, value=0.65)], FIRST_EPOCH, 2
    )
    assert chosen == "b"
    assert curve == [(1.0, 0.5), (2.0, 0.4), (4.0, 0.6), (7.0, 0.65)]


def test_without_a_report_nothing_is_chosen():
    assert choice_curve([], LAST, 2) == (None, [])
