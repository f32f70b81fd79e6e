"""The guard of every test sees a leak, and cleans it up."""

import os
import threading

import pytest

from tests import leaks
from tests.leaks import changed_variables, leak_guard

NAME = "HEADRACE_TEST_LEAK"


def test_a_variable_that_is_set_fails_the_test_and_is_removed():
    with (
        pytest.raises(pytest.fail.Exception, match=rf"left behind: .*{NAME} \(set\)"),
        leak_guard(),
    ):
        os.environ[NAME] = "1"
    assert NAME not in os.environ


def test_a_variable_that_is_removed_fails_the_test_and_is_put_back(monkeypatch):
    monkeypatch.setenv(NAME, "kept")
    with pytest.raises(pytest.fail.Exception, match=rf"{NAME} \(removed\)"), leak_guard():
        del os.environ[NAME]
    assert os.environ[NAME] == "kept"


def test_a_variable_that_is_changed_fails_the_test_and_is_put_back(monkeypatch):
    monkeypatch.setenv(NAME, "kept")
    with pytest.raises(pytest.fail.Exception, match=rf"{NAME} \(changed\)"), leak_guard():
        os.environ[NAME] = "other"
    assert os.environ[NAME] == "kept"


def test_a_thread_that_goes_on_fails_the_test(monkeypatch):
    monkeypatch.setattr(leaks, "GRACE_S", 0.01)
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="goes-on")
    with pytest.raises(pytest.fail.Exception, match="thread goes-on"), leak_guard():
        thread.start()
    end.set()
    thread.join()


def test_a_thread_that_is_about_to_end_and_a_daemon_are_no_leak():
    end = threading.Event()
    daemon = threading.Thread(target=end.wait, daemon=True)
    with leak_guard():
        daemon.start()
        threading.Thread(target=lambda: None).start()
    end.set()


def test_a_clean_test_passes_the_guard():
    with leak_guard():
        pass
    assert changed_variables({"A": "1"}, {"A": "1"}) == {}


def test_variables_of_pytest_and_libraries_are_no_leak():
    after = {"PYTEST_CURRENT_TEST": "x", "KMP_INIT_AT_FORK": "FALSE", "MINE": "1"}
    assert changed_variables({}, after) == {"MINE": "set"}
