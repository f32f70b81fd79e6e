"""Links in a results folder: what a copied folder must not make a run of ours do."""

import pytest

from search.cli import commands as cli
from search.errors import ResultsError
from search.store.links import check_links
from search.store.run_store import RunStore
from search.tuning.journal import clear_leftovers


@pytest.fixture
def elsewhere(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "a.safetensors").write_text("mine")
    return folder


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "results" / "run"
    (root / "predictions" / "parts").mkdir(parents=True)
    (root / "study.json").write_text("{}")
    return root


@pytest.mark.parametrize("place", ["models", "predictions/parts/x", "optuna.journal", ".lock"])
@pytest.mark.parametrize("target", ["folder", "file", "absent", "relative", "circle"])
def test_a_link_that_leads_out_is_named_before_anything_is_touched(root, elsewhere, place, target):
    targets = {
        "folder": elsewhere,
        "file": elsewhere / "a.safetensors",
        "absent": elsewhere / "absent",
        "circle": root / place,
        "relative": "../" * place.count("/") + "../../elsewhere",
    }
    (root / place).symlink_to(targets[target])
    with pytest.raises(ResultsError, match=rf"no link .* got {root / place} -> "):
        RunStore.open(root.parent, "run")
    with pytest.raises(ResultsError, match="may lead out of it"), RunStore(root).lock():
        pass
    assert [path.name for path in elsewhere.iterdir()] == ["a.safetensors"]
    assert (elsewhere / "a.safetensors").read_text() == "mine"


def test_links_that_stay_inside_are_followed(root):
    (root / "models").mkdir()
    (root / "predictions" / "again").symlink_to(root / "models")
    (root / "optuna.journal.lock").symlink_to("optuna.journal")
    check_links(root)


def test_a_run_may_be_reached_by_a_link(root, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "run").symlink_to(root)
    assert RunStore.open(tmp_path / "other", "run").root == tmp_path / "other" / "run"


@pytest.mark.parametrize("command", ["verdict", "report", "ensemble", "export"])
def test_every_command_refuses_such_a_run(root, elsewhere, capsys, command):
    (root / "models").symlink_to(elsewhere)
    words = [command, "run", "--results", str(root.parent)]
    assert cli.main([*words, *(["--to", "timm"] if command == "export" else [])]) == cli.BAD_INPUT
    shown = capsys.readouterr().err
    assert "may lead out of it" in shown
    assert len(shown.splitlines()) == 1
    assert (elsewhere / "a.safetensors").read_text() == "mine"


def test_the_lock_of_a_killed_driver_is_no_link_out(root):
    """Optuna's lock is a link to the path that it was given, from wherever that was."""
    for name in ("optuna.journal.lock", "optuna.journal.lock1234.rename"):
        (root / name).symlink_to("results/run/optuna.journal")
    check_links(root)
    clear_leftovers(root / "optuna.journal")
    assert not [path.name for path in root.iterdir() if "lock" in path.name]
