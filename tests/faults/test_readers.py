"""Whatever a file holds: it is read, or refused in one sentence that names it.

    pytest tests/faults/test_readers.py                              # some hundred inputs a reader
    HEADRACE_FUZZ=20000 pytest tests/faults/test_readers.py -n 2     # the whole of it
    HEADRACE_FUZZ=20000 HEADRACE_FUZZ_SEED=7 pytest ...              # other inputs

An input is the valid file after one to three mutations (`mutations.py`), drawn by the number of
the input, so that a number alone makes it again. Readers that take long get a share of the inputs.
"""

import os
import warnings
from random import Random

import pytest

from search.errors import SearchError
from spaces.errors import SpaceError
from tests.faults.readers import READERS
from trainables.errors import TrainablesError

FAMILY = (SearchError, TrainablesError, SpaceError)
LONGEST = 2_000
COUNT = int(os.environ.get("HEADRACE_FUZZ", "200"))
SEED = int(os.environ.get("HEADRACE_FUZZ_SEED", "0"))


def changed(reader, data, name, number):
    """Returns the input of a number."""
    rng = Random(f"{name} {SEED} {number}")
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        try:
            data = rng.choice(reader.mutations)(data, rng)
        except Exception:  # noqa: BLE001  a mutation of the format, of what is none any more
            continue
    return data


def complaint(reader, path, read):
    """Returns what is wrong with how a file is refused; None where nothing is."""
    try:
        read()
    except FAMILY as error:
        said = str(error)
        if not any(name in said for name in (path.name, *reader.beside)):
            return f"does not name {path.name}: {said[:300]}"
        if len(said) > LONGEST:
            return f"takes {len(said)} characters: {said[:100]}"
    except Exception as error:  # noqa: BLE001  any other is what this looks for
        return f"{type(error).__name__}: {str(error)[:300]}"
    return None


@pytest.mark.parametrize("name", READERS)
def test_a_valid_file_is_read(tmp_path, name):
    READERS[name].make(tmp_path)[1]()


@pytest.mark.parametrize("name", READERS)
def test_whatever_a_file_holds_is_read_or_refused_in_its_name(tmp_path, name):
    reader = READERS[name]
    path, read = reader.make(tmp_path)
    valid, wrong = path.read_bytes(), {}
    for number in range(max(50, int(COUNT * reader.share))):
        path.write_bytes(changed(reader, valid, name, number))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = complaint(reader, path, read)
        if found is not None:
            wrong[number] = found
    assert wrong == {}
