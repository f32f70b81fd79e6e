"""A best config trained again: the same score bit for bit, or a message that says why not."""

import shutil

import pytest
import yaml

from search.errors import ResultsError, UsageError
from search.prepare.dataset import Dataset
from search.prepare.prepared import Prepared
from search.prepare.resources import Node, plan_resources
from search.prepare.setting import SharedImages
from search.store.best_file import Rule
from search.store.run_store import RunStore
from search.trial.replay import replay
from search.trial.trial_run import TrialRun
from search.tuning.best import write_best
from search.tuning.journal import open_storage
from tests.search.builders.made import made_config, made_record
from tests.search.builders.people import trial_setting, write_people
from tests.search.builders.scripted import SCALE, open_journal
from tests.trainables import tiny
from trainables.data import layouts
from trainables.data.splits import make_split

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def silent(text):
    return lambda done, total: None


@pytest.fixture
def best(people, cache, tmp_path):
    """The file that a search writes for a trial."""
    setting = trial_setting(people, cache, tmp_path)
    config = tiny.flat(tiny.BUSY)
    run = TrialRun(SharedImages(setting), space="gender", number=0, config=config, seed=5)
    values = {epoch: run.epoch()["value"] for epoch in range(1, 4)}
    run.close()
    store = RunStore(tmp_path)
    record = made_record(0, values, config=config, seed=5)
    store.keep_predictions([record])
    journal = open_journal(open_storage(store.journal), "gender")
    prepared = Prepared(
        config=made_config(str(people)),
        dataset=Dataset(root=people, table=setting.table, split=setting.split, is_demo=False),
        spaces=(journal.space,),
        scale=SCALE,
        backbones=("test_resnet",),
        resources=plan_resources([Node(cpus=1)], "auto"),
        store=store,
        stored_size=setting.stored_size,
        cache_dir=cache,
    )
    write_best(prepared, journal, record, Rule.ONE_ERROR)
    return tmp_path / "best" / "gender.yaml"


def changed(path, **sections):
    """Writes the file with other values and returns it."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, values in sections.items():
        content[name] = {**content[name], **values}
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_a_replay_has_the_same_score_bit_for_bit_and_leaves_no_files(best, cache):
    before = sorted(best.parent.parent.rglob("*"))
    done = replay(best, cache, silent)
    assert done.same_bits
    assert done.value == done.recorded
    assert sorted(best.parent.parent.rglob("*")) == before


def test_another_config_has_other_bits(best, cache):
    changed(best, config={"schedule": {"epochs": 1}})
    assert not replay(best, cache, silent).same_bits


def test_data_that_was_moved_is_found_where_the_user_says(best, people, cache, tmp_path):
    moved = shutil.copytree(people, tmp_path / "moved")
    changed(best, data={"path": str(tmp_path / "gone")})
    with pytest.raises(UsageError, match=r"--data must be a folder, got .*gone"):
        replay(best, cache, silent)
    assert replay(best, cache, silent, data=str(moved)).same_bits


def test_corrections_that_were_moved_are_found_where_the_user_says(best, cache, tmp_path):
    changed(best, data={"corrections": [str(tmp_path / "gone.csv")]})
    with pytest.raises(UsageError, match=r"gone\.csv, which are no file now: .*--corrections FI"):
        replay(best, cache, silent)
    moved = tmp_path / "moved.csv"
    moved.write_text("group_or_path,attribute,label,reason\n", encoding="utf-8")
    assert replay(best, cache, silent, corrections=(str(moved),)).same_bits


def test_other_data_is_refused(best, cache, tmp_path):
    other = write_people(tmp_path / "other", num_people=30)
    with pytest.raises(ResultsError, match=r"the data must be what gender\.yaml was found on"):
        replay(best, cache, silent, data=str(other))


def test_photos_that_were_written_over_are_refused(best, cache):
    changed(best, data={"content": "0123456789abcdef"})
    with pytest.raises(
        ResultsError, match=r"the photos must be those that gender\.yaml .*written"
    ):
        replay(best, cache, silent)


def test_a_config_that_breaks_now_says_why(best, cache):
    content = yaml.safe_load(best.read_text(encoding="utf-8"))
    content["config"]["backbone"]["name"] = "no_such_model"
    best.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ResultsError, match=r"the config breaks now: .*no_such_model"):
        replay(best, cache, silent)


def test_a_gpu_that_is_not_here_is_said(best, cache, monkeypatch):
    changed(best, training={"device": "cuda"})
    monkeypatch.setattr("search.trial.replay.torch.cuda.is_available", lambda: False)
    with pytest.raises(UsageError, match=r"gender\.yaml was trained on a GPU"):
        replay(best, cache, silent)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is not YAML"),
        ("", "is not a best config of headrace: it lacks space, trial, seed"),
        ("[1, 2]", "is not a best config of headrace: it lacks space"),
        ("space: gender\nscore: 3\n", "it lacks trial, seed, config, score.value"),
    ],
)
def test_a_file_that_is_no_best_config_is_refused(cache, tmp_path, text, message):
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ResultsError, match=message):
        replay(tmp_path / "x.yaml", cache, silent)


def test_a_file_that_is_not_there_is_refused(cache, tmp_path):
    with pytest.raises(ResultsError, match="a best config must exist, got "):
        replay(tmp_path / "x.yaml", cache, silent)


def test_labels_that_were_corrected_are_corrected_again(best, people, cache, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("group_or_path,attribute,label,reason\np00,gender,male,seen\n")
    changed(best, data={"corrections": [str(path)]})
    with pytest.raises(ResultsError, match=r"the data must be what gender\.yaml was found on"):
        replay(best, cache, silent)
    table = layouts.load(people, None, (str(path),))
    split = make_split(table, seed=0)
    changed(best, data={"fingerprint": table.fingerprint, "split": split.fingerprint})
    assert not replay(best, cache, silent).same_bits
