"""What the plan of a run on a cluster says of its nodes, and what it refuses."""

from dataclasses import replace

import pytest

from search.errors import UsageError
from search.prepare.config import RunConfig
from search.prepare.dataset import Dataset
from search.prepare.prepared import Prepared
from search.prepare.resources import plan_resources
from search.refit.fleet import alive_nodes
from search.store.run_store import RunStore
from search.tuning import reach
from search.tuning.reach import Sight, images_note, reached
from spaces.scale import choose_scale
from tests.search.builders.later_stages import write_strangers
from tests.search.builders.people import trial_setting
from trainables.data.layouts import flat

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_runtime", "one_torch_thread")]

CACHE = Sight(cache=True, data=False)
FAR = Sight(cache=False, data=False)
DATA = Sight(cache=False, data=True)


@pytest.fixture
def run(people, cache, tmp_path):
    setting = trial_setting(people, cache, tmp_path)
    config = RunConfig(
        name="away", spaces=("gender",), data=str(people), trials=1, seed=0, people=24
    )
    return Prepared(
        config=config,
        dataset=Dataset(root=people, table=setting.table, split=setting.split, is_demo=False),
        spaces=(),
        scale=choose_scale(device="cpu", pretrained=None, weights=(), max_epochs=1),
        backbones=("test_resnet",),
        resources=plan_resources(alive_nodes(), "auto"),
        store=RunStore(tmp_path / "away"),
        stored_size=setting.stored_size,
        cache_dir=cache,
    )


@pytest.fixture
def note(run, monkeypatch):
    """Returns the line of a plan where nodes see what a test says, and have room for images."""

    def made(*sights, fits=True, **changes):
        found = {
            f"node{number}": sight if isinstance(sight, tuple) else (sight,)
            for number, sight in enumerate(sights)
        }
        monkeypatch.setattr(reach, "_sights", lambda *_: found)
        monkeypatch.setattr(reach, "fits_on", lambda *_: fits)
        return images_note(replace(run, **changes), ())

    return made


def test_every_node_is_asked_what_it_sees(run):
    assert images_note(run, alive_nodes()).endswith("of the nodes, 1 read the cache folder.")


def test_a_node_without_room_for_a_training_is_not_asked(run):
    assert images_note(run, [replace(node, cpus=0) for node in alive_nodes()]) == ""


def test_a_node_that_has_gone_is_not_counted(run):
    gone = [replace(node, name="0" * 56) for node in alive_nodes()]
    assert images_note(run, [*gone, *alive_nodes()]).endswith("1 read the cache folder.")


def test_every_way_is_counted(note):
    said = note(CACHE, FAR, FAR)
    assert said.startswith("The decoded images (0.00015 GB): of the nodes, ")
    assert said.endswith("1 read the cache folder, 2 get them through Ray.")
    assert note(CACHE, DATA, fits=False).endswith("1 read the cache folder, 1 decode the photos.")


def test_a_node_that_has_no_way_to_the_images_is_refused(note):
    with pytest.raises(UsageError, match=r"node node1 sees neither .* --object-store-memory"):
        note(CACHE, FAR, fits=False)


@pytest.fixture
def unlabelled(tmp_path):
    return flat.read(write_strangers(tmp_path / "others"))


def test_the_images_with_those_of_pseudo_labels_come_in_the_same_ways(note, unlabelled):
    said = note((CACHE, FAR), (DATA, DATA), unlabelled=unlabelled)
    assert (
        "nodes, 1 read the cache folder, 1 get them through Ray. The decoded images with" in said
    )
    assert said.endswith("of --pseudo-labels (0.00017 GB): of the nodes, 2 get them through Ray.")
    said = note((CACHE, DATA), unlabelled=unlabelled, fits=False)
    assert said.endswith("1 decode the photos.")


def test_pseudo_labels_whose_images_have_no_way_are_refused(note, unlabelled):
    with pytest.raises(
        UsageError, match=r"with those of --pseudo-labels .* node node1 sees nei"
    ) as e:
        note((CACHE, CACHE), (CACHE, FAR), unlabelled=unlabelled, fits=False)
    assert str(e.value).endswith("that the node sees, or leave --pseudo-labels out")


def test_a_node_is_asked_for_the_photos_of_pseudo_labels_too(run, unlabelled):
    said = images_note(replace(run, unlabelled=unlabelled), alive_nodes())
    assert said.count("of the nodes, 1 read the cache folder.") == 2


def broken(*given):
    raise ModuleNotFoundError("No module named 'timm'")


def test_a_node_that_cannot_run_the_code_is_named_with_the_cause(run, monkeypatch):
    monkeypatch.setattr(reach, "_look", broken)
    with pytest.raises(UsageError, match=r"node \w{8} answers: .*No module named 'timm'"):
        images_note(run, alive_nodes())


def test_on_one_machine_there_is_no_link_and_on_a_cluster_one_that_ends_with_the_run(run):
    with reached(run, is_cluster=False) as same:
        assert same.setting.away is None
    with reached(run, is_cluster=True) as linked:
        away = linked.setting.away
        (run.store.root / "a").parent.mkdir(parents=True, exist_ok=True)
        (run.store.root / "a").write_bytes(b"x")
        assert away.link.read("a", 0) == b"x"
        assert away.link.images(away.images.contents, lambda: None).shape[0] == 48
        assert away.with_unlabelled is None


def test_the_link_has_the_images_with_those_of_pseudo_labels_too(run, unlabelled):
    with reached(replace(run, unlabelled=unlabelled), is_cluster=True) as linked:
        away = linked.setting.away
        assert away.link.images(away.with_unlabelled.contents, lambda: None).shape[0] == 48 + 6
        assert away.link.images(away.images.contents, lambda: None).shape[0] == 48
