"""The files by which a cluster is started: they fit what reads them, and this repository."""

import re
import shlex
import tomllib

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from search.cli.options import build_parser
from tests.search.builders.runs import ROOT

DEPLOY = ROOT / "deploy"
GUIDE = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")


def of_yaml(name):
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def commands_in(text):
    """Returns the command lines of `headrace run` in a text, as lists of words."""
    lines = [line.strip() for line in text.splitlines()]
    found = [line for line in lines if line.startswith("headrace run ")]
    return [shlex.split(line, comments=True)[1:] for line in found]


def test_the_image_holds_all_packages_and_what_it_copies_is_there():
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    copied = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ")]
    names = [name for words in copied for name in words]
    assert all((ROOT / name).exists() for name in names)
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {name.rstrip("*") for name in packages} <= set(names)
    assert project["project"]["readme"] in names
    assert {"constraints.txt", "pyproject.toml"} <= set(names)


def test_the_image_has_what_rays_cluster_launcher_runs_in_it():
    """It copies with rsync, attaches with tmux, and asks the image's own HOME where ~ is."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    (installed,) = re.findall(r"apt-get install (.*?) \\\n", text)
    assert {"rsync", "tmux"} <= set(installed.split())
    assert "ENV HOME=/home/ray\n" in text


def test_rays_cluster_launcher_takes_its_file():
    validate_config(prepare_config(of_yaml("ray-cluster.yaml")))


@pytest.mark.parametrize("commands", ["head_start_ray_commands", "worker_start_ray_commands"])
def test_every_machine_of_the_launcher_has_the_token_that_is_copied(commands):
    config = of_yaml("ray-cluster.yaml")
    (token,) = config["file_mounts"]
    started = [line for line in config[commands] if "ray start" in line]
    assert len(started) == 1
    settings = f"RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH={token} RAY_USAGE_STATS_ENABLED=0;"
    assert settings in started[0]
    assert token in GUIDE


def test_the_commands_of_the_launchers_file_are_ones():
    text = (DEPLOY / "ray-cluster.yaml").read_text(encoding="utf-8")
    (words,) = commands_in(text.replace("# ", ""))
    assert build_parser().parse_args(words).address == "auto"
    assert text.count("RAY_AUTH_TOKEN_PATH=~/.ray/headrace_token") == 3


def containers(group):
    return group["template"]["spec"]["containers"]


def test_the_job_of_kuberay_runs_or_goes_on_and_only_its_head_has_files():
    spec = of_yaml("kuberay-rayjob.yaml")["spec"]
    shell, flag, script = shlex.split(spec["entrypoint"])
    assert (shell, flag) == ("bash", "-c")
    text = script.replace("then ", "\n").replace("else ", "\n").replace(";", "\n")
    resumed, new = (build_parser().parse_args(words) for words in commands_in(text))
    assert resumed.resume == new.name == "faces"
    assert f"-e {new.results}/{new.name}/study.json " in script
    assert resumed.address == new.address == "auto"
    assert resumed.results == new.results
    ended = f"[ $code = 1 ] && [ -e {new.results}/{new.name}/verdict.json ]"
    assert script.endswith(f"if {ended}; then exit 0; fi; exit $code")
    cluster = spec["rayClusterSpec"]
    (head,) = containers(cluster["headGroupSpec"])
    mounted = {mount["mountPath"] for mount in head["volumeMounts"]}
    assert {str(new.results), new.data} < mounted
    for group in cluster["workerGroupSpecs"]:
        for worker in containers(group):
            assert {mount["mountPath"] for mount in worker["volumeMounts"]} == {"/dev/shm"}


def test_the_job_of_kuberay_mounts_what_it_declares_and_lets_nobody_in_without_a_token():
    cluster = of_yaml("kuberay-rayjob.yaml")["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        volumes = {volume["name"] for volume in group["template"]["spec"]["volumes"]}
        (container,) = containers(group)
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
        assert container["resources"]["requests"] == container["resources"]["limits"]
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert f"\nray=={cluster['rayVersion']}\n" in f"\n{pinned}"


def test_the_job_of_kuberay_has_time_to_save():
    env = yaml.safe_load(of_yaml("kuberay-rayjob.yaml")["spec"]["runtimeEnvYAML"])["env_vars"]
    assert env["RAY_JOB_STOP_SIGNAL"] == "SIGINT"
    assert int(env["RAY_JOB_STOP_WAIT_TIME_S"]) > 15


def test_the_guide_names_every_file_and_its_commands_are_ones():
    for path in DEPLOY.iterdir():
        assert f"deploy/{path.name}" in GUIDE
    for name in re.findall(r"deploy/[\w.-]+\w", GUIDE):
        assert (ROOT / name).is_file()
    found = commands_in(GUIDE)
    assert found
    for words in found:
        build_parser().parse_args(words)
