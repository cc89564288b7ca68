"""Abbreviations, Roman numerals, initials, and words of capitals."""

from __future__ import annotations

import re

from edgemm.tasks.voice.english import numbers
from edgemm.tasks.voice.english.rule import Rule, Style
from edgemm.tasks.voice.english.tables import words

TITLES = {
    "Dr": "Doctor", "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Prof": "Professor", "St": "Saint", "Mt": "Mount",
    "Ft": "Fort", "Gen": "General", "Gov": "Governor", "Sen": "Senator", "Rep": "Representative", "Capt": "Captain",
    "Lt": "Lieutenant", "Col": "Colonel", "Sgt": "Sergeant", "Rev": "Reverend", "Hon": "Honorable", "Fr": "Father",
    "Pres": "President", "Messrs": "Messieurs", "Maj": "Major", "Cpl": "Corporal", "Adm": "Admiral",
}  # fmt: skip
"""Before a name; the full stop never ends a sentence."""
BEHIND = {
    "St": "Street", "Dr": "Drive", "Ave": "Avenue", "Rd": "Road", "Blvd": "Boulevard", "Ln": "Lane", "Hwy": "Highway",
    "Sq": "Square", "Pl": "Place", "Jr": "Junior", "Sr": "Senior", "Inc": "Incorporated", "Ltd": "Limited",
    "Co": "Company", "Corp": "Corporation", "Bros": "Brothers", "Esq": "Esquire",
}  # fmt: skip
"""Behind a name; the full stop may end a sentence."""
WITHIN = {
    "e.g": "for example", "i.e": "that is", "vs": "versus", "cf": "compare", "approx": "approximately",
    "dept": "department", "Dept": "Department", "est": "established", "fig": "figure", "Fig": "Figure",
    "vol": "volume", "Vol": "Volume", "ch": "chapter", "Ch": "Chapter", "sec": "section", "Sec": "Section",
    "ext": "extension", "Ext": "Extension", "max": "maximum", "min": "minimum", "tel": "telephone",
    "Tel": "Telephone", "Univ": "University", "misc": "miscellaneous", "ca": "circa", "incl": "including",
    "Assn": "Association", "Bldg": "Building", "Apt": "Apartment", "apt": "apartment", "ed": "edition",
}  # fmt: skip
"""Full stop or none of a sentence: it goes on."""
ENDING = {"etc": "et cetera", "et al": "et al", "a.m": "A M", "p.m": "P M", "Ph.D": "P H D", "M.D": "M D"}
"""The full stop may end a sentence too."""
_SPOKEN = frozenset(
    words(
        "NASA NATO UNESCO UNICEF AIDS LASER RADAR SCUBA FIFA OPEC RAM ROM PIN SIM ZIP JPEG GIF LAN WAN NAFTA "
        "ASCII BASIC "
        "COVID NASDAQ SWAT DARPA UEFA CERN NIST NOAA FEMA OSHA SAT YOLO LIDAR SONAR TASER WASP CAPTCHA SCSI "
        "BIOS SOHO"
    )
)
_PLAIN = frozenset(
    words(
        "A I AM AN AND ANY ARE AS AT BE BIG BUT BY CAN DAY DID DO DON END FOR GET GO GOT HAD HAS HE HER HIM "
        "HIS HOT HOW IF "
        "IN IS IT ITS LET LIE MAN MAY ME MY NEW NO NOT NOW OF OFF OLD ON ONE OR OUR OUT OWN PUT RUN SAY SEE "
        "SET SHE SIT "
        "SO SUN THE TO TOO TOP TWO UP WAR WAS WAY WE WHO WHY YES YET YOU ALL SIX TEN BAD BAR BAT BED BOX BOY "
        "CAR CAT CUT "
        "DOG EAT FAR FUN GUN HIT JOB KEY LAW LOW MAD MEN OIL RED SAD SEX SKY SON TAX TRY USE WET WIN WON YOUR"
    )
)
"""Short words that are no initials when somebody shouts them."""
_KEPT = frozenset(words("HTML HTTP IEEE SQL PDF YMCA AAAS AARP ACLU NAACP USAF UAE UEA AOL EOL"))
_NUMBERED = (
    "Chapter|Part|Act|Scene|Book|Volume|Section|Phase|Type|Mark|Class|Title|Article|Appendix|Figure|Table "
    "|Level|Stage|"
    "Grade|Group|Round|Episode|Season|War|Bowl|Apollo|Rocky|Punic|Vatican|Year|Unit|Version"
)
_REGNAL = (
    "Henry|Elizabeth|Charles|Louis|George|James|William|Edward|Richard|Paul|Benedict|Pius|Francis|Philip| "
    "Catherine|"
    "Napoleon|Nicholas|Alexander|Peter|Frederick|Gregory|Leo|Clement|Innocent|Urban|Mary|Robert|Haakon|Gu "
    "stav|Juan|"
    "Carlos|Felipe|Ivan|Otto|Ramses|Ptolemy|Darius|Xerxes|Victoria|Margaret|Christian|Harald|Olav|Wilhelm "
    "|Friedrich"
)
_NUMERAL = "[IVXLCDM]+"
_CAPITALS = re.compile(r"(?:\b[A-Z]{2,}\b[^\w]*){4,}")


def letters(text: str) -> str:
    """The names of letters and, in between, numbers: "MP3" -> "M P three"."""
    parts = re.findall(r"\d+|[^\W\d_]", text)
    return " ".join(_number(each) if each.isdigit() else each.upper() for each in parts)


def _number(part: str) -> str:
    if (part[0] == "0" and len(part) > 1) or len(part) > 4:
        return numbers.digits(part)
    if len(part) == 3 and part[1:] != "00":
        return f"{numbers.below_100(int(part[0]))} {'oh ' if part[1] == '0' else ''}{numbers.below_100(int(part[1:]))}"
    return numbers.year(int(part)) if len(part) == 4 else numbers.cardinal(int(part))


def _title(matched: re.Match[str], style: Style) -> str | None:
    if matched[1] in ("St", "Dr") and _is_street(matched):
        return None
    return TITLES[matched[1]]


def _is_street(matched: re.Match[str]) -> bool:
    """Behind a name that has a number before it, or follows another name directly: "12 Elm St. Boston"."""
    return bool(re.search(r"\d+(?:\w\w)? (?:[A-Z][\w']+ ){1,3}$|\b(?:on|at|off|down|along) (?:[A-Z][\w']+ ){1,2}$",
                          matched.string[: matched.start()]))  # fmt: skip


def _behind(matched: re.Match[str], style: Style) -> str | None:
    before = matched.string[: matched.start()]
    return BEHIND[matched[1]] if re.search(r"(?:[A-Z][\w'.]*|&[^,]*|\d(?:st|nd|rd|th)),? $", before) else None


def _counted(matched: re.Match[str], style: Style) -> str | None:
    worth = numbers.roman(matched[2])
    return f"{matched[1]} {numbers.cardinal(worth)}" if worth else None


def _regnal(matched: re.Match[str], style: Style) -> str | None:
    worth = numbers.roman(matched[2])
    return f"{matched[1]} the {numbers.ordinal(worth)}" if worth else None


_LISTED = re.compile("[IVX]+")


def _list(matched: re.Match[str], style: Style) -> str | None:
    """ "I, II and III" are one, two and three."""
    found = _LISTED.findall(matched[0])
    worths = [numbers.roman(each) for each in found]
    if not all(worths) or not any(len(each) > 1 for each in found) or worths != sorted(set(worths)):
        return None
    return _LISTED.sub(lambda each: numbers.cardinal(numbers.roman(each[0])), matched[0])


def _century(matched: re.Match[str], style: Style) -> str | None:
    worth = numbers.roman(matched[1])
    return numbers.ordinal(worth) if worth else None


def _capitals(matched: re.Match[str], style: Style) -> str | None:
    word, ending = matched[1], matched[2]
    if word in _SPOKEN:
        return f"{word}{ending}"
    shouted = _CAPITALS.search(matched.string)
    loud = shouted is not None and shouted.start() <= matched.start() < shouted.end()
    long = len(word) > (3 if loud else 4) and (loud or re.search("[AEIOUY]", word))
    if word in _PLAIN or (long and word not in _KEPT):
        return f"{word.lower()}{ending}"
    said = letters(word)
    return f"{said}'s" if ending else said


def _mixed(matched: re.Match[str], style: Style) -> str:
    """Letters and digits in one word: runs of capitals as letters, other words as they are."""
    said = []
    for part in re.findall(r"\d+|[A-Z]+(?![a-z])|[A-Z]?[a-z]+", matched[0]):
        if part.isdigit():
            said.append(_number(part))
        else:
            said.append(part if len(part) > 2 and not part.isupper() else letters(part))
    return " ".join(said)


def _one_of(words: dict[str, str]) -> str:
    return "|".join(re.escape(each) for each in sorted(words, key=len, reverse=True))


RULES = (
    Rule(re.compile(r"w/o(?!\w)"), lambda matched, style: "without"),
    Rule(re.compile(r"w/(?=\s|\w)"), lambda matched, style: "with"),
    Rule(re.compile(r"and/or\b"), lambda matched, style: "and or"),
    Rule(re.compile(rf"({_one_of(ENDING)})\.(?!\w)"), lambda matched, style: ENDING[matched[1]]),
    Rule(re.compile(rf"({_one_of(TITLES)})\b\.? (?=[A-Z&][\w'. ]|and [A-Z])"), _title),
    Rule(re.compile(rf"({_one_of(BEHIND)})\b\.?(?!\w)"), _behind),
    Rule(re.compile(rf"({_one_of(TITLES)})\.(?!\w)"), lambda matched, style: TITLES[matched[1]]),
    Rule(re.compile(rf"({_one_of(WITHIN)})\.,?(?=\s|$|\)|\d)"), lambda matched, style: f"{WITHIN[matched[1]]},"
         if matched[1] in ("e.g", "i.e") and matched[0].endswith(",") else WITHIN[matched[1]]),
    Rule(re.compile(r"vs\b"), lambda matched, style: "versus"),
    Rule(re.compile(r"(?:[A-Za-z]\.){2,}(?=['’]s\b)?"), lambda matched, style: letters(matched[0])),
    Rule(re.compile(r"[IVX]+(?:(?:, (?:and |or )?| and | or | to |-)[IVX]+)+(?![\w'])"), _list),
    Rule(re.compile(rf"({_NUMBERED}) ([IVX]+)(?!\w)"), _counted),
    Rule(re.compile(rf"({_REGNAL}) (?!I\b)([IVX]+)(?!\w)"), _regnal),
    Rule(re.compile(r"[A-Z]\.(?= [A-Z][\w.])"), lambda matched, style: matched[0][0]),
    Rule(re.compile(rf"({_NUMERAL})(?= [Cc]entur(?:y|ies)\b)"), _century),
    Rule(re.compile(r"([A-Z]{2,})((?:['’]?s)?)(?![\w&])"), _capitals),
    Rule(re.compile(r"(?:(?=[A-Za-z]*\d)[A-Za-z]+[A-Za-z\d]*|(?=\d+[A-Za-z])\d+[A-Za-z]+\d*[A-Za-z]*)(?!\w)"), _mixed),
)  # fmt: skip
