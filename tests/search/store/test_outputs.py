"""Files of a worker that sees no results folder: whole in the results, as if written there."""

import os

import pytest

from search.store import outputs
from search.store.heartbeat import Pulse
from search.store.outputs import Outputs, ResultsFolder, SentOutputs
from trainables.drafts import clear_drafts, draft_of


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    return folder


@pytest.fixture
def sent(results, tmp_path):
    return SentOutputs(results, ResultsFolder(results), tmp_path / "node")


def made(sent, results, name, content):
    path = sent.here(results / name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 16, 50])
def test_a_file_of_any_size_arrives_whole_and_is_gone_from_the_node(
    sent, results, monkeypatch, size
):
    monkeypatch.setattr(outputs, "PART_BYTES", 8)
    content = os.urandom(size)
    path = made(sent, results, "predictions/parts/a.1.0.0.npz", content)
    sent.hand_over(path)
    assert (results / "predictions/parts/a.1.0.0.npz").read_bytes() == content
    assert not path.exists()
    assert [p.name for p in results.rglob("*") if p.is_file()] == ["a.1.0.0.npz"]


def test_a_file_takes_its_place_with_its_last_part(results):
    folder = ResultsFolder(results)
    (results / "a.pt").write_bytes(b"older")
    folder.put("a.pt", 0, b"new", last=False, transfer="x")
    assert (results / "a.pt").read_bytes() == b"older"
    folder.put("a.pt", 3, b"er", last=True, transfer="x")
    assert (results / "a.pt").read_bytes() == b"newer"


def test_two_workers_that_send_one_file_do_not_mix_it(results):
    folder = ResultsFolder(results)
    folder.put("a.pt", 0, b"one", last=False, transfer="x")
    folder.put("a.pt", 0, b"TWO", last=False, transfer="y")
    folder.put("a.pt", 3, b" of x", last=True, transfer="x")
    assert (results / "a.pt").read_bytes() == b"one of x"
    folder.put("a.pt", 3, b" OF Y", last=True, transfer="y")
    assert (results / "a.pt").read_bytes() == b"TWO OF Y"


def test_what_a_dead_worker_did_not_send_whole_is_a_draft_and_goes_with_the_run(results):
    folder = ResultsFolder(results)
    folder.put("a.pt", 0, b"half", last=False, transfer="x")
    folder.put("b.pt", 0, b"ha", last=False, transfer="y")
    folder.put("b.pt", 2, b"lf", last=True, transfer="y")
    assert sorted(path.suffix for path in results.iterdir()) == [".draft", ".pt"]
    folder.close()
    assert [path.name for path in results.iterdir()] == ["b.pt"]


def test_a_killed_driver_leaves_drafts_that_its_next_start_clears_away(results):
    ResultsFolder(results).put("a.pt", 0, b"half", last=False, transfer="x")
    (draft,) = results.iterdir()
    draft.rename(results / draft.name.replace(f".{os.getpid()}-", ".999999999-"))
    assert clear_drafts(results, held=True) == ()
    assert list(results.iterdir()) == []


def test_a_disk_that_refuses_a_part_leaves_the_older_file_and_says_which(results, monkeypatch):
    folder = ResultsFolder(results)
    (results / "a.pt").write_bytes(b"older")
    folder.put("a.pt", 0, b"new", last=False, transfer="x")

    def full(path, start, content):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(outputs, "_write_at", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*a\.pt'"):
        folder.put("a.pt", 3, b"er", last=True, transfer="x")
    assert [(p.name, p.read_bytes()) for p in results.iterdir()] == [("a.pt", b"older")]


def test_a_file_that_grows_is_sent_by_what_was_added(sent, results, monkeypatch):
    monkeypatch.setattr(outputs, "PART_BYTES", 4)
    starts = []
    grow = ResultsFolder.grow
    monkeypatch.setattr(
        ResultsFolder, "grow", lambda *given: (starts.append(given[2]), grow(*given))
    )
    path = made(sent, results, "tensorboard/a/events", b"012345")
    sent.hand_over_growing(path.parent)
    sent.hand_over_growing(path.parent)
    with path.open("ab") as file:
        file.write(b"67")
    sent.hand_over_grown(path.parent)
    assert (results / "tensorboard/a/events").read_bytes() == b"01234567"
    assert starts == [0, 4, 6]
    assert not path.parent.exists()


def test_a_file_of_the_results_comes_to_the_node_and_one_that_is_not_there_does_not(
    sent, results, monkeypatch
):
    monkeypatch.setattr(outputs, "PART_BYTES", 4)
    (results / "checkpoints").mkdir()
    (results / "checkpoints" / "a.pt").write_bytes(b"0123456789")
    path = sent.here(results / "checkpoints" / "a.pt")
    assert sent.fetch(path)
    assert path.read_bytes() == b"0123456789"
    assert not sent.fetch(path.with_name("b.pt"))
    sent.remove(path)
    assert not path.exists()
    assert not (results / "checkpoints" / "a.pt").exists()
    assert not sent.fetch(path)


def test_workers_of_one_node_have_folders_of_their_own_and_those_of_dead_ones_go(
    results, tmp_path
):
    post, place = ResultsFolder(results), tmp_path / "node"
    one, two = SentOutputs(results, post, place), SentOutputs(results, post, place)
    assert one.folder != two.folder
    dead = draft_of(place / "dead")
    dead = dead.with_name(dead.name.replace(f".{os.getpid()}-", ".999999999-"))
    (dead / "checkpoints").mkdir(parents=True)
    SentOutputs(results, post, place)
    assert not dead.exists()
    assert one.folder.is_dir()


@pytest.mark.parametrize("name", ["/etc/passwd", "../a", "a/../../b", "."])
def test_a_name_that_leads_out_of_the_results_is_refused(results, name):
    with pytest.raises(ValueError, match="a file of a worker must lie in the results folder, got"):
        ResultsFolder(results).put(name, 0, b"", last=True, transfer="x")
    assert list(results.parent.rglob("*")) == [results]


def test_a_sign_of_life_names_the_node_and_then_only_changes(results):
    folder = ResultsFolder(results)
    pulse = Pulse(results / "heartbeats" / "a.beat")
    folder.sign("heartbeats/a.beat", "node-7", begins=True)
    pulse.silent_s()
    assert (pulse.has_begun, pulse.node) == (True, "node-7")
    os.utime(results / "heartbeats" / "a.beat", (0, 0))
    folder.sign("heartbeats/a.beat", "node-7", begins=False)
    assert (results / "heartbeats" / "a.beat").stat().st_mtime > 0


def test_a_sign_of_life_after_the_end_of_its_stage_leaves_nothing(results):
    ResultsFolder(results).sign("heartbeats/a.beat", "node-7", begins=False)
    assert list(results.iterdir()) == []


def test_on_the_machine_of_the_driver_a_worker_writes_into_the_results_themselves(results):
    here = Outputs(results)
    path = here.here(results / "checkpoints" / "a.pt")
    assert path == results / "checkpoints" / "a.pt"
    path.parent.mkdir()
    path.write_bytes(b"x")
    here.hand_over(path)
    here.hand_over_growing(path.parent)
    here.hand_over_grown(path.parent)
    assert here.fetch(path)
    here.remove(path)
    assert not here.fetch(path)
