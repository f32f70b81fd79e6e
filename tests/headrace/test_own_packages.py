"""Modules of other people under the names of ours: harmless to the command, named to a program."""

import os
import subprocess
import sys

import pytest

from tests.search.builders.runs import ROOT

USES = "import headrace; headrace.run"
COMMAND = "from headrace.command import entry; entry()"


def python(code, *arguments, cwd, path):
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ["search.py", "spaces.py", "trainables/__init__.py", "search/a"])
def test_a_module_of_the_users_is_named_with_the_way_out(name, tmp_path):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("def find(): pass\n")
    done = python(USES, cwd=tmp_path, path=[ROOT])
    if name == "search/a":  # a folder without __init__.py gives way to a package
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    found = tmp_path / name.removesuffix("/__init__.py")
    assert last.startswith("ImportError: headrace needs its own package")
    assert f"but Python finds {found} first; rename it, or start Python from" in last


def test_a_module_that_is_loaded_already_is_named(tmp_path):
    (tmp_path / "spaces.py").write_text("")
    done = python(f"import spaces; {USES}", cwd=tmp_path, path=[tmp_path, ROOT])
    assert f"but Python finds {tmp_path / 'spaces.py'} first" in done.stderr


def test_an_installed_package_of_that_name_is_named(tmp_path):
    package = tmp_path / "site-packages" / "spaces"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("GPU = None\n")
    done = python(USES, cwd=tmp_path, path=[package.parent, ROOT])
    assert f"finds {package} first; uninstall that package, or give headrace an" in done.stderr


def test_modules_of_the_users_do_no_harm_to_the_command(tmp_path):
    for name in ("search", "spaces", "trainables"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('not mine')\n")
    options = ("run", "--space", "agee")
    done = python(COMMAND, *options, cwd=tmp_path, path=[tmp_path, ROOT])
    assert done.returncode == 2
    assert done.stderr.startswith("headrace: --space: unknown space 'agee' (did you mean age?)")
    (tmp_path / "search.py").unlink()
    command = [sys.executable, "-m", "search", *options]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.stderr.startswith("headrace: --space: unknown space 'agee'")


def test_the_version_is_known_without_an_installation(tmp_path):
    blocked = "import importlib.metadata as m, headrace\ndef none(_): raise m.PackageNotFoundError"
    code = f"{blocked}\nm.version = none\nprint(headrace.__version__)"
    done = python(code, cwd=tmp_path, path=[ROOT])
    assert (done.stdout.count("."), done.stderr) == (2, "")
