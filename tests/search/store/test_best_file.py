"""What is said of a path that is no best config."""

import pytest

from search.errors import ResultsError
from search.store.best_file import BestFile


def test_the_folder_of_a_run_is_answered_with_its_best_configs(tmp_path):
    best = tmp_path / "mine" / "best"
    best.mkdir(parents=True)
    for name in ("age.yaml", "gender.yaml"):
        (best / name).touch()
    (tmp_path / "mine" / "ensemble.yaml").touch()
    for folder in (tmp_path / "mine", best):
        with pytest.raises(ResultsError) as caught:
            BestFile.read(folder)
        assert str(caught.value) == (
            f"a best config must be a file, got the folder {folder}; give one of: "
            f"{best / 'age.yaml'}, {best / 'gender.yaml'}"
        )


def test_a_folder_without_best_configs_is_told_where_they_lie(tmp_path):
    with pytest.raises(ResultsError, match=r"got the folder .*; runs write best/<space>\.yaml"):
        BestFile.read(tmp_path)
