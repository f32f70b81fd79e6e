"""One drawn folder for all tests of the audit, copied anew for each."""

import shutil

import pytest

from tests.search.audit.damages import NUM_PEOPLE, SIZE, linked_copy
from trainables.data.demo import generate as synthetic


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    root = tmp_path_factory.mktemp("audited") / "demo"
    return synthetic.generate(root, num_people=NUM_PEOPLE, seed=3, size=SIZE, old_share=0.3)


@pytest.fixture
def folder(drawn):
    """A copy of the folder, always in one place: the sketches of unchanged photos are kept."""
    root = linked_copy(drawn, drawn.parent / "copy")
    yield root
    shutil.rmtree(root)


@pytest.fixture(scope="session")
def sketches_kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")
