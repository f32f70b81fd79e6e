from search.refit.files import refit_seconds, unit_notes
from tests.search.builders.logged_run import made_run, write_part


def test_notes_are_those_of_the_refit_there_is(tmp_path):
    logged = made_run(tmp_path)
    for seed, fold in ((0, 0), (0, 1), (1, 0), (2, 0), (0, 2)):
        write_part(logged, "joint", "1", seed, fold, parameters=10 * seed + fold)
    write_part(logged, "joint", "2", 0, 0, parameters=99)
    write_part(logged, "joint", "1", 1, 1)  # of an older headrace
    notes = unit_notes(logged.store, "joint", "1", num_seeds=2, num_folds=2)
    assert [note["parameters"] for note in notes] == [0, 1, 10]


def test_seconds_are_those_of_all_ranks_of_the_space(tmp_path):
    logged = made_run(tmp_path)
    for space, config_id in (("joint", "1"), ("joint", "default"), ("multihead", "1")):
        write_part(logged, space, config_id, 0, 0)
    assert refit_seconds(logged.store, "joint") == 5.0
    assert refit_seconds(logged.store, "gender") == 0.0
