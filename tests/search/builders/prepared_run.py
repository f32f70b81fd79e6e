"""A run of a few people that is prepared and has not begun."""

from collections.abc import Iterable
from pathlib import Path

from search.prepare.dataset import Dataset
from search.prepare.prepared import Prepared
from search.prepare.resources import Node, plan_resources
from search.store.run_store import RunStore
from spaces.scale import Scale
from spaces.space import Space
from tests.search.builders.made import made_config
from tests.search.builders.people import trial_setting, write_people
from tests.search.builders.scripted import SCALE


def prepared_run(folder: Path, spaces: Iterable[Space], scale: Scale = SCALE) -> Prepared:
    """Returns a run of some spaces in a folder, with two slots."""
    data = write_people(folder / "data")
    setting = trial_setting(data, folder / "cache", folder)
    return Prepared(
        config=made_config(str(data)),
        dataset=Dataset(root=data, table=setting.table, split=setting.split, is_demo=False),
        spaces=tuple(spaces),
        scale=scale,
        backbones=scale.backbones,
        resources=plan_resources([Node(cpus=2)], "auto"),
        store=RunStore(folder / "run"),
        stored_size=setting.stored_size,
        cache_dir=setting.cache_dir,
    )
