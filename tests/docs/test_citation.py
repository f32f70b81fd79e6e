"""CITATION.cff is what its format (version 1.2.0) asks for, and says what pyproject.toml says."""

import tomllib

import yaml

from tests.docs.pages import ROOT

CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIRED = {"authors", "cff-version", "message", "title"}
KNOWN = REQUIRED | {"type", "abstract", "version", "license", "keywords"}
OF_AN_ENTITY = {"name", "website", "email", "alias"}


def test_the_citation_has_the_fields_of_its_format():
    assert REQUIRED <= set(CITATION) <= KNOWN
    assert (CITATION["cff-version"], CITATION["type"]) == ("1.2.0", "software")
    assert all(isinstance(CITATION[key], str) for key in REQUIRED - {"authors"})
    assert CITATION["authors"]
    for author in CITATION["authors"]:
        assert "name" in author
        assert set(author) <= OF_AN_ENTITY


def test_the_citation_says_what_the_package_says():
    assert CITATION["title"] == PROJECT["name"]
    assert str(CITATION["version"]) == PROJECT["version"]
    assert CITATION["license"] == PROJECT["license"]
    assert PROJECT["description"] in " ".join(CITATION["abstract"].split())
