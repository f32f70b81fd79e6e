"""Fingerprints of spaces, in this process and in one without torch, ray and timm."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import spaces
from tests.contracts.test_spaces import SCALES, applicable
from tests.spaces.schemas import SCHEMAS

FRESH = """
import json, sys
for name in ("torch", "torchvision", "ray", "timm", "trainables", "search"):
    sys.modules[name] = None
import spaces
from spaces.scale import choose_scale

class Attribute:
    def __init__(self, classes, edges):
        self.classes, self.edges = classes, edges
        self.ordered = self.has_raw = bool(edges)

class Schema(dict):
    names = property(tuple)

schema = Schema(
    mask=Attribute(("wear", "incorrect", "normal"), ()),
    gender=Attribute(("male", "female"), ()),
    age=Attribute(("<30", "30-59", ">=60"), (30.0, 60.0)),
)
scale = choose_scale(device="cpu", pretrained=None, weights=(), max_epochs=None)
found = {n: spaces.load(n, schema).fingerprint(schema, scale) for n in spaces.names()}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def fresh_fingerprints():
    """Fingerprints of the founding case in a process without torch, ray and timm."""
    root = Path(spaces.__file__).parents[1]
    env = {**os.environ, "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", FRESH]
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_spaces_are_used_without_torch_ray_and_timm(fresh_fingerprints):
    assert set(fresh_fingerprints) == set(spaces.names())


def test_a_fingerprint_is_the_same_in_every_process(fresh_fingerprints):
    schema, scale = SCHEMAS["founding"], SCALES["small"]
    for name, fingerprint in fresh_fingerprints.items():
        assert spaces.load(name, schema).fingerprint(schema, scale) == fingerprint
        assert len(fingerprint) == 8
        assert int(fingerprint, 16) >= 0


@pytest.mark.parametrize("data", SCHEMAS)
def test_spaces_and_scales_have_fingerprints_of_their_own(data):
    schema = SCHEMAS[data]
    found = [
        spaces.load(name, schema).fingerprint(schema, scale)
        for name in applicable(schema)
        for scale in SCALES.values()
    ]
    assert len(set(found)) == len(found) > 0
