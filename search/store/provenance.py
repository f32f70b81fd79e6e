"""What made a run: versions of packages, the commit of the checkout."""

import importlib.metadata
import platform
import subprocess
import tomllib
from pathlib import Path


def git_commit() -> str:
    """Returns the commit of headrace's own checkout, or an empty string outside one.

    Installed into the environment of another project, it lies in that one's checkout.
    """
    command = ["git", "-C", str(_ROOT), "rev-parse", "--show-toplevel", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    top, _, commit = done.stdout.strip().rpartition("\n")
    return commit if done.returncode == 0 and Path(top).resolve() == _ROOT else ""


_PACKAGES = ("torch", "timm", "ray", "optuna", "numpy", "pillow")


def headrace_version() -> str:
    """Returns the version of headrace, also where its source tree is on the path uninstalled."""
    try:
        return importlib.metadata.version("headrace")
    except importlib.metadata.PackageNotFoundError:
        project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        return str(project["project"]["version"])


_ROOT = Path(__file__).resolve().parents[2]


def package_versions() -> dict[str, str]:
    """Returns the versions of what decides a result."""
    return {
        "python": platform.python_version(),
        "headrace": headrace_version(),
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
    }
