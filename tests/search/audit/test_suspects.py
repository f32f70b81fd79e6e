"""Labels that a run's models doubt, and the corrections that they propose."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search.analysis.label_noise import LEAST_SUSPECT
from search.audit.suspects import Suspect, out_of_fold, suspects_of, write_corrections
from search.cli.commands import main
from search.errors import ResultsError, UsageError
from tests.search.builders.made_refit import SCHEMA, made_labels, write_refit
from tests.search.builders.people import write_people
from tests.trainables.data.folders import write_profiles
from trainables.data import layouts
from trainables.data.sample_table import SampleTable
from trainables.data.schema import Attribute, LabelSchema

ASSETS = Path(__file__).parents[2] / "assets"


def sure_of(table, codes, share=0.9):
    """Returns joint probabilities [N, C] of models that are sure of some labels [N, A]."""
    joint = table.schema.joint_code(codes)
    rest = (1 - share) / (table.schema.num_joint - 1)
    probs = np.full((table.num_samples, table.schema.num_joint), rest)
    probs[np.arange(table.num_samples), joint] = share
    return probs


@pytest.fixture
def table(tmp_path):
    return layouts.load(write_people(tmp_path / "data"))


def test_models_that_agree_with_all_labels_doubt_none(table):
    assert suspects_of(table, sure_of(table, table.labels)) == ()


def test_a_wrong_gender_is_one_suspicion_about_the_person(table):
    codes = table.labels.copy()
    rows = [row for row, group in enumerate(table.groups) if group == "p03"]
    codes[rows, 0] = 1 - codes[rows, 0]
    (found,) = suspects_of(table, sure_of(table, codes))
    assert (found.key, found.attribute, found.how) == ("p03", "gender", "person")
    assert {found.given, found.suggested} == {"female", "male"}
    assert set(found.rows) == set(rows)


def test_two_exchanged_photos_are_a_swap(table):
    codes = table.labels.copy()
    codes[[8, 9], 1] = codes[[9, 8], 1]
    found = suspects_of(table, sure_of(table, codes))
    assert [each.how for each in found] == ["swap", "swap"]
    assert {each.key for each in found} == {table.paths[8], table.paths[9]}
    assert found[0].suggested == found[1].given


def test_a_weak_swap_hides_no_strong_suspicion(monkeypatch):
    monkeypatch.setattr("search.audit.suspects.calibrated", lambda probs, given: probs)
    table = SampleTable(
        schema=LabelSchema(
            name="faces", attributes=(Attribute(name="mask", classes=("a", "b", "c")),)
        ),
        root=Path(),
        paths=("one", "other", "third"),
        groups=("p", "p", "p"),
        labels=np.array([[0], [1], [2]]),
        raw={},
        source_rows=("1", "2", "3"),
    )
    joint = np.array([[0.0005, 0.004, 0.9955], [0.6, 0.3, 0.1], [0.0, 0.0, 1.0]])
    (found,) = suspects_of(table, joint)
    assert (found.key, found.how, found.suggested) == ("one", "photo", "c")
    assert found.probability > 0.9


def test_the_most_suspect_stand_first_over_all_attributes(table):
    codes = table.labels.copy()
    codes[[8, 9], 0] = 1 - codes[[8, 9], 0]
    codes[20, 1] = 1 - codes[20, 1]
    probs = sure_of(table, codes, 0.8)
    probs[[8, 9]] = sure_of(table, codes, 0.99)[[8, 9]]
    probs[20] = sure_of(table, codes, 0.9)[20]
    found = suspects_of(table, probs)
    assert [each.attribute for each in found] == ["gender", "mask"]
    assert found[0].probability > found[1].probability


def test_what_is_proposed_can_be_read_as_corrections(tmp_path):
    table = layouts.load(write_people(tmp_path / "data", num_people=80))
    codes = table.labels.copy()
    codes[[6, 7], 0] = 1 - codes[[6, 7], 0]
    codes[[8, 9], 1] = codes[[9, 8], 1]
    path = tmp_path / "proposed.csv"
    write_corrections(path, table, suspects_of(table, sure_of(table, codes)))
    corrected = layouts.load(table.root, corrections=(str(path),))
    np.testing.assert_array_equal(corrected.labels, codes)


@pytest.mark.parametrize(("age", "wanted", "number"), [(25, 2, 60), (60, 0, 29), (45, 0, 29)])
def test_an_age_is_proposed_as_the_nearest_number_of_the_class(age, wanted, number, tmp_path):
    ages = [20, 60, 45] * 30 + [age]
    people = [(f"{n:06d}", "male" if n % 2 else "female", str(a)) for n, a in enumerate(ages)]
    table = layouts.load(write_profiles(tmp_path / "data", people))
    codes = table.labels.copy()
    rows = [row for row, group in enumerate(table.groups) if group == "000090"]
    codes[rows, 2] = wanted
    path = tmp_path / "proposed.csv"
    write_corrections(path, table, suspects_of(table, sure_of(table, codes)))
    corrected = layouts.load(tmp_path / "data", corrections=(str(path),))
    assert set(corrected.raw["age"][rows]) == {number}
    np.testing.assert_array_equal(corrected.labels, codes)


def test_what_is_right_rather_than_wrong_is_shown_and_not_proposed(table, tmp_path):
    codes = table.labels.copy()
    codes[[6, 7], 0] = 1 - codes[[6, 7], 0]
    (found,) = suspects_of(table, sure_of(table, codes, 0.6))
    assert found.key == "p03"
    assert LEAST_SUSPECT <= found.probability < 0.5
    write_corrections(tmp_path / "proposed.csv", table, [found])
    assert len((tmp_path / "proposed.csv").read_text(encoding="utf-8").splitlines()) == 1


def test_proposals_never_overwrite(table, tmp_path):
    path = tmp_path / "proposed.csv"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match=r"never overwrites, and .*proposed.csv is there"):
        write_corrections(path, table, ())
    assert path.read_text(encoding="utf-8") == "mine"


def made_table(root, label):
    person = made_labels()[1]
    return SampleTable(
        schema=SCHEMA,
        root=root,
        paths=tuple(f"{n}.jpg" for n in range(len(label))),
        groups=tuple(f"p{n:02}" for n in person),
        labels=SCHEMA.attribute_codes(label),
        raw={},
        source_rows=tuple(f"row {n}" for n in range(len(label))),
    )


def test_the_predictions_of_a_run_are_averaged_over_its_approaches(tmp_path):
    accuracy = dict.fromkeys(("gender", "age", "joint", "multihead"), 0.9)
    store = write_refit(tmp_path / "run", accuracy)
    label = made_labels()[0]
    probs = out_of_fold(store, made_table(tmp_path, label))
    assert probs.shape == (len(label), SCHEMA.num_joint)
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
    assert (probs.argmax(axis=1) == label).mean() > 0.85


def test_labels_that_are_others_now_are_refused(tmp_path):
    accuracy = dict.fromkeys(("gender", "age", "joint", "multihead"), 0.9)
    store = write_refit(tmp_path / "run", accuracy)
    label = made_labels()[0].copy()
    label[0] = (label[0] + 1) % SCHEMA.num_joint
    with pytest.raises(ResultsError, match="its labels are others now"):
        out_of_fold(store, made_table(tmp_path, label))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--write-corrections", "new.csv"], "needs the models of a run: --run NAME"),
        (["--run", "nobody"], "no run 'nobody'"),
        (["--data", "no/such/folder"], "--data must be a folder"),
        (["--layout", "manifst"], "did you mean manifest?"),
        (["--data", ".", "--people", "50"], "--people is for the demo"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(arguments, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["audit", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert not (tmp_path / "audit").exists()


def test_a_number_that_is_proposed_is_of_the_class_that_is(tmp_path):
    rows = ["path,group,born"]
    for number in range(8):
        Image.new("RGB", (32, 32)).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,p{number},{19800101 if number % 2 == 0 else 19950101}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "dataset.yaml").write_text(
        "attributes: {born: {bins: [19900101]}}\n", encoding="utf-8"
    )
    table, path = layouts.load(tmp_path), tmp_path / "new.csv"
    low, high = table.schema["born"].classes
    suspect = Suspect(
        key="p0",
        attribute="born",
        given=low,
        suggested=high,
        probability=0.9,
        how="person",
        rows=(0,),
    )
    write_corrections(path, table, [suspect])
    assert layouts.load(tmp_path, corrections=(str(path),)).labels[0].tolist() == [1]
    with pytest.raises(UsageError, match="never overwrites"):
        write_corrections(path, table, [suspect])


def test_corrections_that_are_there_are_told_before_anything_is_looked_at(tmp_path, capsys):
    (tmp_path / "new.csv").touch()
    asked = ["--run", "begun", "--results", str(ASSETS), "--cache", str(tmp_path / "cache")]
    command = ["audit", *asked, "--out", str(tmp_path / "out")]
    assert main([*command, "--write-corrections", str(tmp_path / "new.csv")]) == 2
    assert "--write-corrections never overwrites" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
