"""The tables of a form about the run: what it was on, what it compared, how to make it again.

They stand in either language; what a run lacks is None.
"""

import re
from collections.abc import Mapping, Sequence
from math import prod

from search.analysis import wording
from search.report.contents import Network
from search.report.document import Table, table
from search.report.handin.contents import HandIn
from search.report.handin.language import Language
from search.report.sections import about
from trainables.data.schema import JOINT

MOST_CLASSES = 40
"""Rows of a table of classes at most: a longer one fills pages and tells nobody anything."""


def overview_table(found: HandIn, say: Language) -> Table:
    """Returns task, metric, data, time and machine, as far as they are known."""
    contents, data = found.contents, found.contents.data
    reproduce = contents.reproduce
    when = say(contents.when, contents.when.removeprefix("search ").replace(" to ", " ~ "))
    rows = [(say("metric", "평가 지표"), "macro-F1"), (say("date", "날짜"), when)]
    if data is not None:
        names = ", ".join(data.attributes)
        rows.insert(0, (say("predicted from a photo", "사진에서 예측한 속성"), names))
        rows.insert(1, (say("data", "데이터"), data.name))
    if seconds := sum(row.device_seconds or 0.0 for row in contents.searches):
        name = say("device time of the search", "탐색의 장치 사용 시간")
        rows.append((name, duration(seconds, say)))
    if reproduce is not None:
        rows.append((say("hardware", "하드웨어"), _pairs(reproduce.hardware)))
        rows.append((say("software", "소프트웨어"), _pairs(reproduce.versions)))
    kept = [row for row in rows if row[1]]
    caption = say("Overview", "개요")
    return wrapped(table(caption, (say("what", "항목"), say("value", "내용")), kept, names=2))


def data_table(found: HandIn, say: Language) -> Table | None:
    """Returns people, photos, labels, and what was put right, noticed or found in the data."""
    data = found.contents.data
    if data is None:
        return None
    sizes = " \N{MULTIPLICATION SIGN} ".join(f"{n} ({c})" for n, c in data.attributes.items())
    joint = f"{sizes} = {prod(data.attributes.values()):,}" if sizes else ""
    held_out = "" if data.held_out_people is None else f"{data.held_out_people:,}"
    changed = ""
    if found.corrections:
        photos = f"{found.corrected_photos:,}"
        changed = say(
            f"{found.corrections:,} (photos: {photos})",
            f"{found.corrections:,}개 (사진 {photos}장)",
        )
    rows = [
        (say("people", "사람 수"), f"{data.num_people:,}"),
        (say("photos", "사진 수"), f"{data.num_photos:,}"),
        (say("attributes (classes)", "속성 (클래스 수)"), joint),
        (say("people held out of the search", "탐색에서 제외한 사람 수"), held_out),
        (say("labels put right", "고친 라벨"), changed),
        (say("licence", "라이선스"), found.licence),
    ]
    columns = (say("what", "항목"), say("value", "내용"))
    kept = [row for row in rows if row[1]]
    return wrapped(table(say("The data", "데이터"), columns, kept, names=2))


def people_table(found: HandIn, say: Language) -> Table | None:
    """Returns people by two attributes."""
    people = None if found.contents.data is None else found.contents.data.people
    if people is None or len(people.columns) > MOST_CLASSES or len(people.rows) > MOST_CLASSES:
        return None
    columns = (f"{people.row_name} / {people.column_name}", *people.columns)
    rows = [
        (name, *(f"{count:,}" for count in counts))
        for name, counts in zip(people.rows, people.counts.tolist(), strict=True)
    ]
    if people.has_sums:
        columns = (*columns, say("all", "합계"))
        sums = people.counts.sum(axis=1).tolist()
        rows = [(*row, f"{count:,}") for row, count in zip(rows, sums, strict=True)]
    title = say(
        f"People by {people.row_name} and {people.column_name}",
        f"{people.row_name}, {people.column_name}별 사람 수",
    )
    return table(title, columns, rows)


def class_table(found: HandIn, say: Language) -> Table | None:
    """Returns the photos of every joint class."""
    photos = {} if found.contents.data is None else found.contents.data.class_photos
    if not photos or len(photos) > MOST_CLASSES:
        return None
    rows = [(name, f"{count:,}") for name, count in photos.items()]
    title = say("Photos of every joint class", "결합 클래스별 사진 수")
    return table(title, (say("class", "클래스"), say("photos", "사진 수")), rows)


def shift_table(found: HandIn, say: Language) -> Table | None:
    """Returns how the classes of the unlabelled photos differ, attribute by attribute."""
    data = found.contents.data
    rows = [
        (
            shift.name,
            name,
            wording.percent(shift.training[place]),
            wording.percent(shift.estimated[place]),
            f"{wording.percent(shift.low[place])} - {wording.percent(shift.high[place])}",
        )
        for shift in (() if data is None else data.shifts)
        if shift.name != JOINT and len(shift.classes) <= MOST_CLASSES
        for place, name in enumerate(shift.classes)
    ]
    columns = (
        say("attribute", "속성"),
        say("class", "클래스"),
        say("training", "학습 데이터"),
        say("unlabelled, estimated", "라벨 없는 사진(추정)"),
        say("95 % interval", "95 % 구간"),
    )
    title = say("Classes of the unlabelled photos", "라벨 없는 사진의 클래스 비율")
    return table(title, columns, rows, names=2) if rows else None


def approach_table(found: HandIn, say: Language) -> Table | None:
    """Returns what every approach is made of."""
    rows = [(name, told(nets, say)) for name, nets in found.contents.networks.items()]
    if not rows:
        return None
    title = say("The approaches", "비교한 방식")
    columns = (say("approach", "방식"), say("what it is", "구성"))
    return wrapped(table(title, columns, rows, names=2))


def told(networks: Sequence[Network], say: Language) -> str:
    """Returns what an approach is, in one sentence."""
    if say is Language.EN:
        return about.told(networks)
    if len(networks) == 1:
        (network,) = networks
        names, count = ", ".join(network.classes), prod(network.classes.values())
        if network.heads:
            return f"신경망 1개. 특징을 공유하고 속성({names})마다 출력 헤드를 둔다."
        return f"신경망 1개, 출력 1개. 속성({names})의 모든 조합 {count:,}개가 클래스다."
    if all(len(network.classes) == 1 for network in networks):
        names = ", ".join(name for network in networks for name in network.classes)
        return f"속성({names})마다 신경망을 1개씩 두고 각각 튜닝하고 학습한다."
    return f"신경망 {len(networks)}개: {' / '.join(map(_part, networks))}."


def _part(network: Network) -> str:
    names = ", ".join(network.classes)
    if len(network.classes) == 1:
        return f"{names} 단독"
    if network.heads:
        return f"{names}, 출력은 각각"
    return f"{names} 결합({prod(network.classes.values()):,}개 조합)"


def version_table(found: HandIn, say: Language) -> Table | None:
    """Returns all that decides a result."""
    made = found.contents.reproduce
    if made is None:
        return None
    rows = [("seed", "" if made.seed is None else str(made.seed)), ("git commit", made.commit)]
    words = (say("fingerprint of", "지문:"), say("version of", "버전:"))
    for what, part in zip(words, (made.fingerprints, made.versions), strict=True):
        rows += [(f"{what} {name}", text) for name, text in part.items()]
    rows += list(made.hardware.items())
    title = say("Versions, fingerprints and hardware", "버전, 지문, 하드웨어")
    kept = [row for row in rows if row[1]]
    return table(title, (say("what", "항목"), say("value", "값")), kept, names=2)


def duration(seconds: float, say: Language) -> str:
    """Returns a time such as "2 h 03 min"."""
    text = wording.duration(seconds)
    if say is Language.EN:
        return text
    for unit, korean in (("min", "분"), ("h", "시간"), ("s", "초")):
        text = text.replace(f"\N{NO-BREAK SPACE}{unit}", korean)
    return re.sub(" 0(?=[0-9])", " ", text).removesuffix(" 0분")


def _pairs(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {text}" for name, text in values.items())


def wrapped(found: Table) -> Table:
    """Returns a table whose last column is prose."""
    return Table(
        caption=found.caption,
        columns=found.columns,
        numeric=found.numeric,
        rows=found.rows,
        wraps=True,
    )
