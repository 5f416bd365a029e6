"""``data/mapping.toml``: what the names of a review mean, proposed here and settled by a person.

A comparison has a treatment, a control and a route; an analysis an outcome, a timepoint, a measure
and a direction; a subgroup of it may be another outcome, timepoint or treatment. What a file does
not say is proposed and named under ``settle``: whoever settles it edits the value and takes the
word off the list. Nothing else has to be edited.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from bayes_nmda.errors import DataError
from bayes_nmda.importing.printed import (
    MEASURES,
    OF_COUNTS,
    OF_MEANS,
    kinds,
    measure_of,
)
from bayes_nmda.importing.rows import Row, Settings, Source, slug, words_of

NAME: Final = "mapping.toml"
#: What is analysed as contrasts, by the measure of the review: the measure of our effects.
CONTRASTS: Final = {"observed": "log_or", "given ratio": "log_or", "given": "MD"}
#: Measures that effects a row may be given, in a mapping.
GIVEN_AS: Final = ("MD", "SMD", "log_or", "log_rr", "RD")
CLASSES: Final = ("benefit", "responder", "function", "harm")

_WORDS: Final = words_of("times") | words_of("outcomes") | words_of("scales")
_SPAN, _TERM, _POINT = _WORDS["span"], _WORDS["term"], _WORDS["point"]
_TIME: Final = re.compile(
    rf"^(?:at |up to |after |within |≤\s*|<\s*|>\s*)?(?:{_SPAN}|{_TERM}|{_POINT})"
    r"(?:\s*(?:follow[- ]?up|post[- ]?(?:treatment|intervention)|or (?:less|more|longer)))?$",
    re.IGNORECASE,
)
_AT: Final = re.compile(
    rf"^(?P<rest>.+?)[,:;–-]?\s+(?:at|after|up to)\s+(?P<time>{_SPAN}|{_TERM}|{_POINT})$",
    re.IGNORECASE,
)
_DASHED: Final = re.compile(
    rf"^(?P<rest>.+?)\s*[,:;–-]\s*(?P<time>{_SPAN}|{_TERM}|{_POINT})$", re.IGNORECASE
)
_PAREN: Final = re.compile(r"^(?P<rest>.*?)\s*\((?P<inside>[^()]*)\)\s*$")
_VERSUS: Final = r"(?:versus|vs\.?|compared (?:with|to))"
_AFTER: Final = re.compile(
    rf"^(?P<rest>[^:]+):\s+(?P<t>.+?)\s+{_VERSUS}\s+(?P<c>.+)$", re.IGNORECASE
)
_BEFORE: Final = re.compile(
    rf"^(?P<t>.+?)\s+{_VERSUS}\s+(?P<c>[^:]+):\s+(?P<rest>.+)$", re.IGNORECASE
)
_REPEATS: Final = re.compile(
    r"\b(?:sub-?groups?|subgrouped|sensitivity)\b|\brestricted to\b", re.IGNORECASE
)

_LEADING: Final = re.compile(
    r"^(?:mean|proportions?|numbers?|rates?|percentage)\s+(?:of|with|in|change in)?\s*(?:"
    r"participants |patients |people |women |children )?(?:with |who )?", re.IGNORECASE,
)  # fmt: skip
#: Characters of the longest unit, ``"mmHg/min"``.
_UNIT: Final = 10
#: Longest key of an outcome.
_LONGEST: Final = 60
#: What a scale says of its own ends.
_RANGE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(?:to|-|–)\s*(\d+(?:\.\d+)?)")
_END: Final = re.compile(
    r"(\d+(?:\.\d+)?)\s*(?:=|is|indicates|represents|being|means)\s*(?:the\s+)?(?P<what>[a-z]+)",
    re.IGNORECASE,
)
_SAID: Final = re.compile(
    r"\b(?P<which>higher|lower|greater|larger|smaller)\b[^.;()]{0,30}\b(?P<what>better|"
    r"best|worse|worst|improve\w*|less|more severe)\b", re.IGNORECASE,
)  # fmt: skip
#: What a list of outcomes is called, whose parts name themselves.
OF_LIST: Final = re.compile(rf"\b(?:{'|'.join(_WORDS['lists'])})s?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison group of the review."""

    number: str
    treatment: str
    control: str
    route: str = ""
    settle: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subgroup:
    """A subgroup that is more than a group of trials; what is empty is that of its analysis."""

    name: str
    outcome: str = ""
    timepoint: str = ""
    treatment: str = ""
    control: str = ""
    use: bool = True


@dataclass(frozen=True, slots=True)
class Analysis:
    """An analysis of the review, and what its rows are here.

    ``measure`` is that of the review, ``given_as`` what effects without arms are; ``repeats`` the
    analysis that has the same rows, by other subgroups.
    """

    number: str
    name: str
    rows: int
    use: bool
    outcome: str
    label: str
    outcome_class: str
    better: str
    measure: str
    timepoint: str = ""
    unit: str = ""
    instrument: str = ""
    treatment: str = ""
    control: str = ""
    given_as: str = ""
    repeats: str = ""
    settle: tuple[str, ...] = ()
    subgroups: tuple[Subgroup, ...] = ()

    def of(self, subgroup: str) -> Subgroup:
        """Return what a subgroup is, that of the whole analysis where nothing is said of it."""
        own = next((part for part in self.subgroups if part.name == subgroup), Subgroup(subgroup))
        return replace(
            own,
            outcome=own.outcome or self.outcome,
            timepoint=own.timepoint or self.timepoint,
            treatment=own.treatment or self.treatment,
            control=own.control or self.control,
        )


@dataclass(frozen=True, slots=True)
class ReviewMapping:
    """The whole file."""

    title: str
    name: str
    doi: str
    kind: str
    files: tuple[str, ...]
    date: str
    reference: str
    comparisons: tuple[Comparison, ...]
    analyses: tuple[Analysis, ...]
    settle: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)

    def comparison(self, number: str) -> Comparison:
        """Return a comparison by its number."""
        return next(one for one in self.comparisons if one.number == number)

    def analysis(self, number: str) -> Analysis:
        """Return an analysis by its number."""
        return next(one for one in self.analyses if one.number == number)

    @property
    def unsettled(self) -> list[tuple[str, str, str]]:
        """What a person has not settled yet: where, which word, what is proposed."""
        found = [("", word, str(getattr(self, word))) for word in self.settle]
        for one in self.comparisons:
            found += [(f"comparison {one.number}", w, getattr(one, w)) for w in one.settle]
        for own in self.analyses:
            if own.use:
                places = [(w, "outcome_class" if w == "class" else w) for w in own.settle]
                found += [(f"analysis {own.number}", w, getattr(own, at)) for w, at in places]
        return found


def propose(
    source: Source, *, files: Sequence[str], date: str, options: Mapping[str, str]
) -> ReviewMapping:
    """Return a mapping for a review that has none yet."""
    grouped: dict[str, list[Row]] = {}
    for row in source.rows:
        grouped.setdefault(row.analysis, []).append(row)
    repeats = _repeated(grouped)
    comparisons = {
        number: _comparison(number, source, grouped)
        for number in dict.fromkeys(row.group for row in source.rows)
    }
    single = len(comparisons) == 1
    if single:
        comparisons = {
            key: replace(one, treatment=_bare(one.treatment), control=_bare(one.control))
            for key, one in comparisons.items()
        }
    analyses = _apart(
        [
            _analysis(
                number,
                rows,
                source.settings.get(number, Settings()),
                comparisons[rows[0].group],
                repeats.get(number, ""),
            )
            for number, rows in grouped.items()
        ]
    )
    name = source.doi.rpartition("/")[2].removeprefix("14651858.") or "the review"
    return ReviewMapping(
        title=source.title or f"Trials of {name}",
        name=name,
        doi=source.doi,
        kind=source.kind,
        files=tuple(files),
        date=date,
        reference=next(iter(comparisons.values())).control,
        comparisons=tuple(comparisons.values()),
        analyses=tuple(analyses),
        settle=() if source.title else ("title",),
        options=dict(options),
    )


def _bare(name: str) -> str:
    return re.sub(r"^(treatment|control) \d+$", r"\1", name)


def _name(text: str) -> str:
    """Return a name of a treatment without the signs that part labels of cells."""
    return re.sub(r"\s+vs\.?\s+", " against ", text.replace("/", " or ")).strip()


def _comparison(number: str, source: Source, grouped: Mapping[str, list[Row]]) -> Comparison:
    """Propose the names of a comparison: from the file, from names of analyses, or by number."""
    own = [key for key in grouped if key.partition(".")[0] == number]
    told = [source.settings[key] for key in own if key in source.settings]
    pair = next(((s.treatment, s.control) for s in told if s.treatment and s.control), ("", ""))
    generic = {"experimental", "control", "intervention", "treatment", ""}
    if pair[0] and pair[0].lower() not in generic:
        settle = ("control",) if pair[1].lower() in {"", "control"} and len(told) > 1 else ()
        return Comparison(number, _name(pair[0]), _name(pair[1]) or "control", settle=settle)
    said = next((s.comparison for s in told if re.search(_VERSUS, s.comparison)), "")
    named = re.match(rf"^(.+?)\s+{_VERSUS}\s+(.+)$", said, re.IGNORECASE)
    if named:
        return Comparison(number, _name(named[1]), _name(named[2]), settle=("treatment", "control"))
    pairs = [p for p in (_pair(grouped[key][0].name) for key in own) if p]
    common = max(set(pairs), key=pairs.count) if pairs else None
    if common and pairs.count(common) * 2 > len(own):
        return Comparison(
            number, _name(common[0]), _name(common[1]), settle=("treatment", "control")
        )
    same = {p[0] for p in pairs}
    treatment = _name(next(iter(same))) if len(same) == 1 else f"treatment {number}"
    return Comparison(number, treatment, f"control {number}", settle=("treatment", "control"))


def _pair(name: str) -> tuple[str, str] | None:
    found = _AFTER.match(name) or _BEFORE.match(name)
    return (found["t"].strip(), found["c"].strip()) if found else None


def _analysis(
    number: str, rows: list[Row], settings: Settings, comparison: Comparison, repeats: str
) -> Analysis:
    measure, _, _ = measure_of(rows, settings)
    name = rows[0].name or f"outcome {number}"
    label = name
    treatment = control = ""
    if found := _AFTER.match(label) or _BEFORE.match(label):
        label = found["rest"].strip()
        own = _name(found["t"]), _name(found["c"])
        treatment = own[0] if own[0] != comparison.treatment else ""
        control = own[1] if own[1] != comparison.control else ""
    if ":" in label and _REPEATS.search(label.rpartition(":")[2]):
        label = label.rpartition(":")[0].strip()
    label, timepoint = split_time(label)
    counted = measure in (*OF_COUNTS, "observed", "given ratio") or _counted(rows)
    better, outcome_class, sure = direction(label, counted=counted)
    settle = ["measure"] if not measure else []
    given_as = ""
    if measure in CONTRASTS:
        given_as = settings.measure if settings.measure in GIVEN_AS else CONTRASTS[measure]
        settle.append("given_as")
    if not sure:
        settle.append("better")
    scale = _PAREN.match(label)
    bare = _LEADING.sub("", scale["rest"] if scale and scale["rest"] else label)
    bare = bare[:1].upper() + bare[1:]
    measured = (measure or _usual(rows)) in OF_MEANS
    return Analysis(
        number=number,
        name=name,
        rows=len(rows),
        use=not repeats,
        outcome=_key(bare) or f"outcome_{number.replace('.', '_')}",
        label=bare,
        outcome_class=outcome_class,
        better=better,
        measure=measure or _usual(rows),
        timepoint=moment(timepoint),
        unit=settings.unit or _unit(scale["inside"] if scale and measured else ""),
        instrument=scale["inside"] if scale and scale["rest"] and measured else "",
        treatment=treatment,
        control=control,
        given_as=given_as,
        repeats=repeats,
        settle=tuple(settle),
        subgroups=_subgroups(rows, bare),
    )


def _unit(scale: str) -> str:
    """Propose a unit: points of a scale with two ends, or what stands in brackets if short."""
    if _RANGE.search(scale):
        return "points"
    return scale if 0 < len(scale) <= _UNIT and re.fullmatch(r"[A-Za-z/%²³0-9]+", scale) else ""


def _key(label: str) -> str:
    """Return the key of an outcome: of a long name its beginning and its end."""
    whole = slug(label, longest=1000)
    if len(whole) <= _LONGEST:
        return whole
    words = whole.split("_")
    first = slug(whole, longest=_LONGEST // 2)
    rest = words[len(first.split("_")) :]
    last: list[str] = []
    while rest and len("_".join([first, rest[-1], *last])) <= _LONGEST:
        last.insert(0, rest.pop())
    return "_".join([first, *last])


def _counted(rows: Iterable[Row]) -> bool:
    return all("counts" in kinds(row) and "means" not in kinds(row) for row in rows)


def _usual(rows: list[Row]) -> str:
    """Return a measure for an analysis of which no effect is printed."""
    return "MD" if any("means" in kinds(row) for row in rows) else "RR"


def split_time(label: str) -> tuple[str, str]:
    """Return a label without its time, and the time, of ``"Pain (6 months)"`` for one."""
    if _TIME.match(label.strip()):
        return "", label.strip()
    if inside := _PAREN.match(label):
        parts = [part.strip() for part in re.split(r"[;,]|\s[–-]\s", inside["inside"])]
        times = [part for part in parts if _TIME.match(part)]
        rest = inside["rest"].strip()
        if times and _TIME.match(rest):  # "End of intervention (6 weeks)": the words are the time
            return "", rest
        if times:
            kept = "; ".join(part for part in parts if part not in times)
            return (f"{rest} ({kept})" if kept else rest), times[0]
        if _TIME.match(rest):
            return "", rest
        head, time = split_time(rest) if rest else (rest, "")
        if time and head:
            return f"{head} ({inside['inside']})", time
    for pattern in (_AT, _DASHED):
        if found := pattern.match(label):
            return found["rest"].strip(" ,:;–-"), found["time"]
    return label, ""


def moment(text: str) -> str:
    """Return a time as a table holds it: small letters, digits, spaces and hyphens."""
    return re.sub(r"[^a-z0-9.+-]+", " ", text.lower().replace("–", "-")).strip(" -.")


def direction(label: str, *, counted: bool) -> tuple[str, str, bool]:
    """Return which way is better, a class of outcomes, and whether the words leave no doubt."""
    text = label.lower()
    harm = _has(text, _WORDS["harm"])
    lower = harm or _has(text, _WORDS["lower"])
    higher = _has(text, _WORDS["higher"]) and not harm
    better = "higher" if higher and not lower else "lower"
    told = _scale_says(text)
    sure = lower != higher
    if told and not counted:
        better, sure = told, True
    elif _has(text, _WORDS["both_ways"]):  # scales of it run both ways
        sure = False
    if harm and (counted or not told):
        return "lower", "harm" if counted else "function", True
    if counted:  # "pain (dichotomous)": people with pain, or relieved of it?
        return better, ("responder" if better == "higher" else "function"), higher and not lower
    function = _has(text, _WORDS["function"])
    return better, ("function" if function else "benefit"), sure


def _has(text: str, beginnings: Iterable[str]) -> bool:
    """Tell whether a word of a text begins in one of some ways."""
    return re.search(rf"\b(?:{'|'.join(map(re.escape, beginnings))})", text) is not None


def _scale_says(text: str) -> str:
    """Return which way is better, where a name says what the ends of its scale mean."""
    if said := _SAID.search(text):
        up = said["which"] in ("higher", "greater", "larger")
        good = said["what"] in ("better", "best", "less") or said["what"].startswith("improve")
        return "higher" if up == good else "lower"
    span, end = _RANGE.search(text), _END.search(text)
    if not span or not end or end["what"] not in {*_WORDS["good"], *_WORDS["bad"]}:
        return ""
    low, high, at = float(span[1]), float(span[2]), float(end[1])
    if at not in (low, high):
        return ""
    good = end["what"] in _WORDS["good"]
    return "lower" if (at == low) == good else "higher"


def _subgroups(rows: list[Row], label: str) -> tuple[Subgroup, ...]:
    """Propose what subgroups are: times, other outcomes of the same people, or trials alone."""
    names = [name for name in dict.fromkeys(row.subgroup for row in rows) if name]
    if not names:
        return ()
    split = {name: split_time(name) for name in names}
    if all(time for _, time in split.values()):
        plain = all(not rest for rest, _ in split.values())
        return tuple(
            Subgroup(name, "" if plain or not rest else _key(_joined(label, rest)), moment(time))
            for name, (rest, time) in split.items()
        )
    if _same_people(rows):
        return tuple(
            Subgroup(name, _key(_joined(label, rest or name)), moment(time))
            for name, (rest, time) in split.items()
        )
    return ()


def _joined(label: str, part: str) -> str:
    """Name an outcome by its part alone where that says enough: an effect of a list of effects."""
    return part if OF_LIST.search(label) else f"{label} {part}"


def _same_people(rows: list[Row]) -> bool:
    """Tell whether a trial stands in two subgroups with as many people in both arms."""
    seen: dict[tuple[object, ...], str] = {}
    for row in rows:
        key = (row.study, row.treatment.n, row.control.n)
        if seen.setdefault(key, row.subgroup) != row.subgroup:
            return True
    return False


def _repeated(grouped: Mapping[str, list[Row]]) -> dict[str, str]:
    """Return the analyses whose rows all stand in another one: by other subgroups, or fewer.

    Counts agree by chance: there names must be related, or rows be three at least.
    """
    keys = {number: {(row.study, row.numbers) for row in rows} for number, rows in grouped.items()}
    found: dict[str, str] = {}
    order = {number: place for place, number in enumerate(grouped)}
    for number, rows in grouped.items():
        for other, its in grouped.items():
            if other == number or other in found or not keys[number] <= keys[other]:
                continue
            name, whole = rows[0].name, its[0].name
            related = name.startswith(whole) or bool(_REPEATS.search(name))
            measured = any("means" in kinds(row) for row in rows)
            if keys[number] == keys[other]:  # the first is the analysis, unless its name says not
                says = bool(_REPEATS.search(name)), bool(_REPEATS.search(whole))
                repeats = says[0] if says[0] != says[1] else order[other] < order[number]
                if not repeats:
                    continue
            if related or (measured and len(rows) > 1) or len(rows) >= 3:
                found[number] = other
                break
    return found


def _apart(analyses: list[Analysis]) -> list[Analysis]:
    """Give outcomes that would mix kinds, scales or directions names of their own."""
    taken: dict[str, tuple[str, str]] = {}
    found = []
    for one in analyses:
        if not one.use:
            found.append(one)
            continue
        kind = (_kind(one), one.better)
        whole = _free(one.outcome, kind, one, taken) if _needs(one) else one.outcome
        parts = tuple(
            replace(s, outcome=_free(s.outcome, kind, one, taken)) if s.outcome else s
            for s in one.subgroups
        )
        found.append(replace(one, outcome=whole, subgroups=parts))
    return found


def _needs(one: Analysis) -> bool:
    """Tell whether a row of an analysis has the outcome of the whole."""
    return not one.subgroups or not all(part.outcome for part in one.subgroups)


def _kind(one: Analysis) -> str:
    if one.measure in CONTRASTS:
        return f"effects given as {one.given_as}"
    if one.measure == "MD":
        return f"means of {one.instrument or 'one scale'}"
    return "standardised means" if one.measure == "SMD" else "counts"


def _free(
    word: str, kind: tuple[str, str], one: Analysis, taken: dict[str, tuple[str, str]]
) -> str:
    """Return a key that only outcomes of one kind and direction have."""
    if taken.setdefault(word, kind) == kind:
        return word
    suffix = slug(one.instrument, longest=30) if one.measure == "MD" else ""
    suffix = suffix or {"SMD": "standardised", "MD": "measured"}.get(one.measure, "counted")
    suffix = "effects" if one.measure in CONTRASTS else suffix
    for more in ("", *(f"_{i}" for i in range(2, 1000))):
        own = f"{word}_{suffix}{more}"
        if taken.setdefault(own, kind) == kind:
            return own
    raise AssertionError(word)


def to_table(mapping: ReviewMapping) -> dict[str, Any]:
    """Return a mapping as the tables of its file."""
    head = {
        "schema_version": 1, "title": mapping.title, "name": mapping.name, "doi": mapping.doi,
        "kind": mapping.kind, "files": list(mapping.files), "date": mapping.date,
        "reference": mapping.reference, "settle": list(mapping.settle),
    }  # fmt: skip
    if mapping.options:
        head["options"] = dict(mapping.options)
    return {
        **head,
        "comparison": [_plain(one) for one in mapping.comparisons],
        "analysis": [_plain(one) for one in mapping.analyses],
    }


def _plain(value: Comparison | Analysis) -> dict[str, Any]:
    table = asdict(value)
    found: dict[str, Any] = {}
    for key, cell in table.items():
        name = {"outcome_class": "class", "subgroups": "subgroup"}.get(key, key)
        if key == "subgroups":
            if cell:
                found[name] = [
                    {k: v for k, v in part.items() if v not in ("", True)} for part in cell
                ]
        elif cell not in ("", ()) or key in ("better", "outcome", "treatment", "control", "unit"):
            found[name] = list(cell) if isinstance(cell, tuple) else cell
    if isinstance(value, Analysis):
        kept = ("better", "outcome", *(["unit"] if value.measure == "MD" else []))
        found = {k: v for k, v in found.items() if v != "" or k in kept}
    return found


def from_table(table: Mapping[str, Any]) -> ReviewMapping:
    """Return the mapping that a file holds.

    Raises
    ------
    DataError
        If a key is missing, unknown, or has a value that is not allowed; the message names it.
    """
    known = {"schema_version", "title", "name", "doi", "kind", "files", "date", "reference",
             "settle", "options", "comparison", "analysis"}  # fmt: skip
    _keys(NAME, table, known, known - {"settle", "options", "doi"})
    comparisons = tuple(
        _read(Comparison, one, f"comparison {i}") for i, one in _each(table, "comparison")
    )
    analyses = tuple(_read_analysis(one, f"analysis {i}") for i, one in _each(table, "analysis"))
    found = ReviewMapping(
        title=_text(table["title"], "title"),
        name=_text(table["name"], "name"),
        doi=_text(table.get("doi", ""), "doi", empty=True),
        kind=_word(table["kind"], "kind", ("cochrane", "rm5", "revman", "table")),
        files=tuple(_text(x, "files") for x in _list(table["files"], "files")),
        date=_text(str(table["date"]), "date"),
        reference=_text(table["reference"], "reference"),
        comparisons=comparisons,
        analyses=analyses,
        settle=tuple(_list(table.get("settle", []), "settle")),
        options={str(k): str(v) for k, v in dict(table.get("options", {})).items()},
    )
    _whole(found)
    return found


def _whole(mapping: ReviewMapping) -> None:
    """Require that the parts fit each other."""
    controls = {one.control for one in mapping.comparisons}
    controls |= {one.control for one in mapping.analyses if one.control}
    controls |= {part.control for one in mapping.analyses for part in one.subgroups if part.control}
    if mapping.reference not in controls:
        raise _wrong("reference", mapping.reference, f"a control, {', '.join(sorted(controls))}")
    kinds_of: dict[str, tuple[str, Analysis]] = {}
    for one in mapping.analyses:
        if not one.use:
            continue
        own = {part.outcome for part in one.subgroups if part.outcome}
        for word in sorted(own | ({one.outcome} if _needs(one) else set())):
            kind, first = kinds_of.setdefault(word, (_kind(one), one))
            if kind != _kind(one):
                raise _wrong(
                    f"analysis {one.number}: outcome", word,
                    f"a name of its own: analysis {first.number} has it for {kind}, this is "
                    f"{_kind(one)}",
                )  # fmt: skip
            if first.better != one.better:
                raise _wrong(
                    f"analysis {one.number}: better", one.better,
                    f"{first.better!r}, as in analysis {first.number} of the same outcome",
                )  # fmt: skip


def _read_analysis(table: Mapping[str, Any], where: str) -> Analysis:
    own = dict(table)
    parts = tuple(
        _read(Subgroup, part, f"{where}: subgroup {i}") for i, part in _each(own, "subgroup")
    )
    own.pop("subgroup", None)
    own["outcome_class"] = own.pop("class", "")
    found = replace(_read(Analysis, own, where), subgroups=parts)
    _word(found.better, f"{where}: better", ("lower", "higher"))
    _word(found.outcome_class, f"{where}: class", CLASSES)
    _word(found.measure, f"{where}: measure", MEASURES)
    if found.measure in CONTRASTS:
        _word(found.given_as, f"{where}: given_as", GIVEN_AS)
    return found


def _read[T: (Comparison, Subgroup, Analysis)](kind: type[T], table: Any, where: str) -> T:
    from dataclasses import MISSING, fields

    own = {f.name: f for f in fields(kind) if f.name != "subgroups"}
    needed = {
        name for name, f in own.items() if f.default is MISSING and f.default_factory is MISSING
    }
    shown = {"outcome_class": "class"}
    if not isinstance(table, dict):
        raise _wrong(where, table, "a table")
    odd = sorted(set(table) - set(own))
    missing = sorted(needed - set(table))
    if odd or missing:
        found = f"no {shown.get(missing[0], missing[0])}" if missing else odd[0]
        raise _wrong(where, found, ", ".join(shown.get(name, name) for name in own))
    values: dict[str, Any] = {}
    for name, cell in table.items():
        place = f"{where}: {shown.get(name, name)}"
        if name == "settle":
            values[name] = tuple(_text(x, place) for x in _list(cell, place))
        elif name in ("rows", "use"):
            if not isinstance(cell, int) or (name == "use") != isinstance(cell, bool):
                raise _wrong(place, cell, "true or false" if name == "use" else "a whole number")
            values[name] = cell
        else:
            values[name] = _text(cell, place, empty=True)
            if name == "outcome" and cell and slug(cell, longest=80) != cell:
                raise _wrong(place, cell, f"small letters, digits and _: {slug(cell)!r}")
            if name == "timepoint" and cell and moment(cell) != cell:
                raise _wrong(place, cell, f"small letters, digits and spaces: {moment(cell)!r}")
            if name in ("treatment", "control", "route") and cell and _name(cell) != cell:
                raise _wrong(place, cell, f"a name without / and vs: {_name(cell)!r}")
    return kind(**values)


def _each(table: Mapping[str, Any], name: str) -> list[tuple[str, Any]]:
    parts = _list(table.get(name, []), name)
    return [(str(p.get("number", i)) if isinstance(p, dict) else str(i), p)
            for i, p in enumerate(parts, start=1)]  # fmt: skip


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong(where, value, "a list")
    return value


def _text(value: Any, where: str, *, empty: bool = False) -> str:
    if not isinstance(value, str) or not (value.strip() or empty):
        raise _wrong(where, value, "text")
    return value


def _word(value: str, where: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise _wrong(where, value, " or ".join(allowed))
    return value


def _keys(where: str, table: Mapping[str, Any], known: set[str], needed: set[str]) -> None:
    odd, missing = sorted(set(table) - known), sorted(needed - set(table))
    if odd or missing:
        raise _wrong(where, f"no {missing[0]}" if missing else odd[0], ", ".join(sorted(known)))


def _wrong(where: str, found: object, allowed: str) -> DataError:
    return DataError(f"{NAME}: {where}: found {found!r}; allowed is {allowed}")
