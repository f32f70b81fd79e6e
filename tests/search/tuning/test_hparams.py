"""The HParams tab, as TensorBoard itself reads it."""

import pytest
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, get_experiment, list_session_groups
from tensorboard.plugins.hparams.backend_context import Context

from search.store.names import as_file
from search.store.records import Cause, State
from search.store.run_store import RunStore
from search.trial.board import TrialBoard
from search.tuning.hparams import FILE, forget_hparams, write_hparams
from tests.search.builders.made import made_record

CONFIG = {
    "backbone.name": "test_resnet",
    "input.size": 32,
    "optim.lr": 0.01,
    "augment.flip": True,
    "target.attributes": ("gender",),
    "head.hidden": 0,
}
PARAMS = ("optim.lr", "input.size")
IMPORTANCE = {"gender": {"input.size": 0.75, "optim.lr": 0.125}}
LABELS = {"gender": ("gender",), "joint": ("joint", "gender", "a/b")}


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "mine")


def trial(store, number, space="gender", *, has_events=True, **more):
    """Returns a trial whose worker wrote its event file, as workers do."""
    config = {**CONFIG, **more.pop("config", {})}
    values = more.pop("values", {1: 0.25, 2: 0.5})
    record = made_record(
        number,
        values,
        space=space,
        config=config,
        params={name: config[name] for name in PARAMS},
        **more,
    )
    if has_events:
        folder = store.tensorboard / as_file(space) / f"{number:04d}"
        board = TrialBoard(folder, record.config)
        for epoch, value in values.items():
            board.scalars(epoch, {"objective": value, "gradient_cosine/a": 1.0})
        board.close()
    return record


def tab(store, under=""):
    """Returns the columns, the metrics and the rows of the tab."""
    logdir = str(store.tensorboard / under)
    events = EventMultiplexer()
    events.AddRunsFromDirectory(logdir)
    events.Reload()
    board = Context(TBContext(data_provider=MultiplexerDataProvider(events, logdir)))
    asked = (RequestContext(), board, "a run")
    found = get_experiment.Handler(*asked, api_pb2.GetExperimentRequest()).run()
    request = api_pb2.ListSessionGroupsRequest(
        allowed_statuses=api_pb2.Status.values(), slice_size=1000
    )
    groups = list_session_groups.Handler(*asked, request).run().session_groups
    return found.hparam_infos, [each.name.tag for each in found.metric_infos], groups


def cells(columns, group):
    """Returns what a row shows, by the names that the tab shows of its columns."""
    values = ((c.display_name or c.name, group.hparams[c.name]) for c in columns)
    return {
        name: getattr(value, kind) for name, value in values if (kind := value.WhichOneof("kind"))
    }


def test_columns_are_ordered_by_importance_behind_state_and_epochs(store):
    records = [
        trial(store, 0),
        trial(store, 1, config={"optim.lr": 0.02, "input.size": 64}),
    ]
    write_hparams(store, records, IMPORTANCE, LABELS)
    columns, metrics, _ = tab(store)
    assert [column.display_name for column in columns] == [
        *("state", "epochs", "input.size", "optim.lr"),
        *("backbone.name", "augment.flip", "target.attributes", "head.hidden"),
    ]
    assert [column.differs for column in columns] == [True] * 4 + [False] * 4
    assert columns[2].description == "explains 75 % of the variance of the score"
    assert metrics[:2] == ["objective", "train/loss"]
    assert metrics[-2:] == ["val/gender/macro_f1", "val/gender/accuracy"]


def test_where_importance_is_not_known_the_order_is_the_space_s(store):
    records = [trial(store, n, config={"optim.lr": n + 1.0, "input.size": n}) for n in range(12)]
    write_hparams(store, records, {}, LABELS)
    columns, _, _ = tab(store)
    shown = [column.display_name for column in columns]
    assert shown[:4] == ["state", "epochs", "optim.lr", "input.size"]


def test_rows_say_how_a_trial_ended_and_after_how_many_epochs(store):
    records = [
        trial(store, 0),
        trial(store, 1, values={1: 0.125}, state=State.PRUNED),
        trial(store, 2, values={}, state=State.FAIL, cause=Cause.BUDGET),
        trial(store, 3, values={}, state=State.FAIL, has_events=False),
    ]
    write_hparams(store, records, {}, LABELS)
    columns, _, groups = tab(store)
    rows = {group.name: cells(columns, group) for group in groups}
    assert {name: (row["state"], row["epochs"]) for name, row in rows.items()} == {
        "gender-0000": ("COMPLETE", 2),
        "gender-0001": ("PRUNED", 1),
        "gender-0002": ("FAIL (budget)", 0),
    }
    assert rows["gender-0000"]["optim.lr"] == 0.01
    assert rows["gender-0000"]["augment.flip"] is True
    assert rows["gender-0000"]["target.attributes"] == "gender"
    success, failure = api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE
    assert [group.sessions[0].status for group in groups] == [success, success, failure]
    scores = {
        g.name: [m.value for m in g.metric_values if m.name.tag == "objective"] for g in groups
    }
    assert scores == {"gender-0000": [0.5], "gender-0001": [0.125], "gender-0002": []}


def test_several_spaces_have_a_column_and_each_folder_opens_alone(store):
    records = [
        trial(store, 0),
        trial(store, 0, "joint", config={"age.old_from": 59, "head.hidden": "deep"}),
        trial(store, 1, "joint", config={"age.old_from": 60}),
    ]
    write_hparams(store, records, {"joint": {"age.old_from": 0.5}}, LABELS)
    columns, metrics, groups = tab(store)
    assert [c.display_name for c in columns][:4] == ["space", "state", "epochs", "age.old_from"]
    rows = {group.name: cells(columns, group) for group in groups}
    assert [row["space"] for row in rows.values()] == ["gender", "joint", "joint"]
    assert "age.old_from" not in rows["gender-0000"]
    assert {row["head.hidden"] for row in rows.values()} == {"0", "deep"}
    assert "val/a/b/accuracy" in metrics
    alone, _, groups = tab(store, "joint")
    assert [column.name for column in alone] == [column.name for column in columns]
    assert len(groups) == 2


def test_a_resumed_search_begins_with_the_columns_of_its_workers(store):
    first = trial(store, 0)
    write_hparams(store, [first], IMPORTANCE, LABELS)
    forget_hparams(store)
    columns, _, groups = tab(store)
    assert "optim.lr" in [column.name for column in columns]
    assert len(groups) == 1
    second = trial(store, 1, config={"optim.lr": 0.5})
    write_hparams(store, [first, second], IMPORTANCE, LABELS)
    write_hparams(store, [first, second], IMPORTANCE, LABELS)
    columns, _, groups = tab(store)
    assert [cells(columns, group)["optim.lr"] for group in groups] == [0.01, 0.5]
    assert len(list(store.tensorboard.glob(f"*/*/{FILE}"))) == 2


def test_without_event_files_nothing_is_written(store):
    write_hparams(store, [trial(store, 0, has_events=False)], IMPORTANCE, LABELS)
    assert not store.root.exists()
