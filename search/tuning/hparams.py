"""The HParams tab of TensorBoard: a row per trial, how it ended, and what mattered most first.

The worker of a trial begins its event file with the bare config: nothing else is known then. At
the end of a search the driver writes beside it what is known now. TensorBoard takes the files of
a folder in the order of their names and keeps the first session it meets, so the later word has
the name that comes first. It sorts parameters by their names and shows the first five of them, so
each bears its place in front; the tab shows them without it.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)
from tensorboard.summary.writer.record_writer import RecordWriter

from search.store.names import as_file
from search.store.records import Cause, State, TrialRecord
from search.store.run_store import RunStore
from trainables.blocks import FlatValue
from trainables.drafts import draft_of

FILE = "about.tfevents"
"""Its name comes before those of the workers' event files."""
_SHOWN = {
    "objective": "validation macro-F1",
    "train/loss": "training loss",
    "speed/images_per_second": "photos per second",
}
_VERSION = "brain.Event:2"
_TYPES = {
    bool: api_pb2.DATA_TYPE_BOOL,
    float: api_pb2.DATA_TYPE_FLOAT64,
    str: api_pb2.DATA_TYPE_STRING,
}
_Value = bool | float | str


def forget_hparams(store: RunStore) -> None:
    """Deletes what an earlier end of the search wrote: new trials would not fit its columns."""
    for path in store.tensorboard.glob(f"*/*/{FILE}"):
        path.unlink(missing_ok=True)


def write_hparams(
    store: RunStore,
    records: Sequence[TrialRecord],
    importance: Mapping[str, Mapping[str, float]],
    labels: Mapping[str, Sequence[str]],
) -> None:
    """Writes the columns of the tab and the row of every trial that has an event file.

    Args:
        store: of the run.
        records: the trials of all spaces.
        importance: by space, the share of each of its parameters, where it is known.
        labels: by space, the names under which its trials are scored.
    """
    folders = {
        (r.space, r.number): store.tensorboard / as_file(r.space) / f"{r.number:04d}"
        for r in records
    }
    shown = [r for r in records if folders[r.space, r.number].is_dir()]
    if not shown:
        return
    table = _Table.of(shown, importance)
    names = dict.fromkeys(name for r in shown for name in labels[r.space])
    tags = [*_SHOWN, *(f"val/{n}/{what}" for n in names for what in ("macro_f1", "accuracy"))]
    columns, told = _columns(table, tags), set[str]()
    for number, record in enumerate(shown):
        folder = folders[record.space, record.number]
        group = f"{folder.parent.name}-{folder.name}"
        summaries = [*_session(record, table.row(number), group)]
        if record.space not in told:
            # Once per space: a space's folder can be opened alone. All say the same.
            summaries.append(columns)
            told.add(record.space)
        _write(folder / FILE, summaries, record.started)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """The columns of the tab from left to right.

    Attributes:
        columns: name -> a value per trial; None where it has none.
        shares: of the variance of the score that a parameter explains, where it is known.
        fixed: names of those that are among the first, whatever they hold.
    """

    columns: Mapping[str, Sequence[_Value | None]]
    shares: Mapping[str, float]
    fixed: frozenset[str]

    @classmethod
    def of(
        cls, records: Sequence[TrialRecord], importance: Mapping[str, Mapping[str, float]]
    ) -> "_Table":
        """Returns the table of some trials, the parameters that mattered most first."""
        first: dict[str, list[_Value | None]] = {
            "state": [_state(record) for record in records],
            "epochs": [float(record.epochs) for record in records],
        }
        if len({record.space for record in records}) > 1:
            first = {"space": [record.space for record in records], **first}
        found = {
            name: _alike([record.config.get(name) for record in records])
            for name in _in_order(records)
        }
        shares = _mean(importance)
        varied = [name for name, values in found.items() if _differ(values)]
        ranked = sorted(varied, key=lambda name: -shares.get(name, 0.0))
        order = dict.fromkeys([*ranked, *found])
        return cls(
            columns={**first, **{name: found[name] for name in order}},
            shares=shares,
            fixed=frozenset(first),
        )

    def key(self, name: str) -> str:
        """Returns what TensorBoard sorts a column by."""
        at, digits = list(self.columns).index(name) + 1, len(str(len(self.columns)))
        return f"{at:0{digits}d} {name}"

    def row(self, number: int) -> dict[str, _Value]:
        """Returns the values of a trial by the keys of their columns."""
        cells = ((self.key(name), values[number]) for name, values in self.columns.items())
        return {key: value for key, value in cells if value is not None}


def _in_order(records: Iterable[TrialRecord]) -> list[str]:
    """Returns the names of all parameters: as spaces ask for them, then what they leave out."""
    asked = (name for record in records for name in record.params)
    return list(dict.fromkeys([*asked, *(name for r in records for name in r.config)]))


def _mean(importance: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Returns the share of every parameter, a mean over the spaces that know theirs."""
    names = dict.fromkeys(name for shares in importance.values() for name in shares)
    return {
        name: sum(shares.get(name, 0.0) for shares in importance.values()) / len(importance)
        for name in names
    }


def _state(record: TrialRecord) -> str:
    cause = "" if record.cause is Cause.NONE else f" ({record.cause.value})"
    return f"{record.state.value}{cause}"


def _alike(values: Sequence[FlatValue | None]) -> list[_Value | None]:
    """Returns the values of a column in one type; TensorBoard compares them."""
    plain = [" + ".join(v) if isinstance(v, tuple) else v for v in values]
    kinds = {bool if isinstance(v, bool) else type(v) for v in plain if v is not None}
    if kinds == {bool}:
        return list(plain)
    if kinds <= {int, float}:
        return [None if v is None else float(v) for v in plain]
    return [None if v is None else str(v) for v in plain]


def _differ(values: Iterable[_Value | None]) -> bool:
    return len({value for value in values if value is not None}) > 1


def _session(record: TrialRecord, row: Mapping[str, _Value], group: str) -> Iterator[Summary]:
    start = SessionStartInfo(group_name=group, start_time_secs=record.started)
    for key, value in row.items():
        cell = start.hparams[key]
        if isinstance(value, bool):
            cell.bool_value = value
        elif isinstance(value, str):
            cell.string_value = value
        else:
            cell.number_value = value
    yield _summary(metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=start))
    if record.is_finished:
        failed = record.state is State.FAIL
        status = api_pb2.STATUS_FAILURE if failed else api_pb2.STATUS_SUCCESS
        end = SessionEndInfo(status=status, end_time_secs=record.ended)
        yield _summary(metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end))


def _columns(table: _Table, tags: Iterable[str]) -> Summary:
    infos = []
    for name, values in table.columns.items():
        known = [value for value in values if value is not None]
        info = api_pb2.HParamInfo(
            name=table.key(name),
            display_name=name,
            type=_TYPES[type(known[0])],
            differs=name in table.fixed or _differ(known),
        )
        if name in table.shares:
            share = 100 * table.shares[name]
            info.description = f"explains {share:.0f} % of the variance of the score"
        if isinstance(known[0], float):
            info.domain_interval.min_value = min(known)
            info.domain_interval.max_value = max(known)
        else:
            info.domain_discrete.extend(sorted(set(known)))
        infos.append(info)
    metrics = [
        api_pb2.MetricInfo(
            name=api_pb2.MetricName(tag=tag),
            display_name=_SHOWN.get(tag, tag.removeprefix("val/")),
        )
        for tag in tags
    ]
    experiment = api_pb2.Experiment(hparam_infos=infos, metric_infos=metrics)
    return _summary(metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=experiment))


def _summary(tag: str, content: HParamsPluginData) -> Summary:
    told = metadata.create_summary_metadata(content)
    return Summary(value=[Summary.Value(tag=tag, metadata=told, tensor=metadata.NULL_TENSOR)])


def _write(path: Path, summaries: Iterable[Summary], began: float) -> None:
    """Writes an event file, whole or not at all; TensorBoard sorts trials by when they began."""
    content = io.BytesIO()
    writer = RecordWriter(content)
    for event in (Event(file_version=_VERSION), *(Event(summary=each) for each in summaries)):
        event.wall_time = began
        writer.write(event.SerializeToString())
    draft = draft_of(path)
    try:
        draft.write_bytes(content.getvalue())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
