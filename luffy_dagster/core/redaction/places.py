"""Places that tell where a person lives or is: street addresses, post codes beside a town, places by key, coordinates.

The name of a city or a country alone stays: it is a region, a zone or a shop far more often than anybody's home. What is
taken out is what leads to a door: a street with its number (English, German, Dutch, French, Spanish, Portuguese, Italian,
Polish), a box, a post code with its town, and whatever stands behind a key that says what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from luffy_dagster.core.redaction.looks import Before, Look, words
from luffy_dagster.core.redaction.policy import Kind, Span

_W = r"(?:[A-ZÀ-ÖØ-ÞĄĆĘŁŃŚŹŻČŠŽÇŞĞİ][\w'’.-]{0,30}(?<![.-]))"  # a word with a capital
_S = r"[ \t]"
# A town behind a street: ", 10115 Berlin", ", Springfield, IL 62704", ", London SW1A 1AA", ", 1012 AB Amsterdam"
_UK = r"[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}"
_CODE = rf"(?:[A-Z]{{1,2}}-)?\d{{4,6}}(?:-\d{{3,4}})?(?:{_S}[A-Z]{{2}}\b)?|\d{{2}}-\d{{3}}|{_UK}"
_TOWN = (
    rf"(?:,?{_S}(?:(?:Apt|Apartment|Unit|Suite|Ste|Flat|Floor|Fl)\.?{_S}?#?\w{{1,6}}|#\d{{1,5}}))?"
    rf"(?:,{_S}?(?:(?:{_CODE}){_S})?{_W}(?:{_S}{_W}){{0,2}}(?:,?{_S}[A-Z]{{2}}(?:{_S}(?=\d))?)?(?:{_S}?,?{_S}?(?:{_CODE}))?)?"
    rf"(?:,{_S}?(?:{_CODE})(?:{_S}{_W}(?:{_S}{_W})?)?)?"
)
_END = r"(?![\w/=(-]|\.\w)"
_BEFORE = r"(?<![\w./:@#=-])"
_NUMBER = r"\d{1,4}[a-zA-Z]?(?:[-/]\d{1,4}[a-zA-Z]?)?"

_STREETS = (
    # 12 Main Street, 221B Baker St, 1600 N. Pennsylvania Ave; 3 Harbour Way only with its town
    re.compile(
        rf"{_BEFORE}\d{{1,5}}[A-Za-z]?{_S}(?:[NSEW]{{1,2}}\.?{_S})?(?:{_W}{_S}){{1,3}}"
        rf"(?:(?:Street|St|Road|Rd|Avenue|Ave|Boulevard|Blvd|Lane|Ln|Terrace|Crescent|Parkway|Pkwy|Highway|Hwy|Mews)\b\.?{_TOWN}"
        rf"|(?:Drive|Dr|Court|Ct|Square|Sq|Way|Close|Row|Gardens|Grove|Hill)\b\.?(?=,{_S}?(?:{_W}|\d)){_TOWN}){_END}"
    ),
    # Hauptstraße 12a, Lindenallee 3, Prinsengracht 263, Am Alten Markt 5
    re.compile(
        rf"{_BEFORE}(?:{_W}[ -])?(?:\w{{2,30}}(?:straße|strasse|str\.|gasse|allee|platz|damm|ufer|chaussee|straat|laan|gracht|plein|kade|weg)"
        rf"|(?:Straße|Strasse|Allee|Platz|Straat|Laan)(?:{_S}(?:der|des|van{_S}de)){{1}}{_S}{_W}){_S}{_NUMBER}{_TOWN}{_END}"
    ),
    # 12 bis rue de la Paix, 8, avenue des Champs
    re.compile(
        rf"{_BEFORE}\d{{1,4}}(?:{_S}(?:bis|ter|quater))?,?{_S}(?i:rue|avenue|boulevard|place|chemin|impasse|quai|allée|cours|route)"
        rf"{_S}(?:(?:de{_S}la|de{_S}l['’]|des|du|de|d['’]){_S}?)?{_W}(?:{_S}(?:(?:de|du|des|la){_S})?{_W}){{0,3}}{_TOWN}{_END}"
    ),
    # Calle Mayor, 12; Av. Paulista 1578; Via Roma 5; Rua Augusta, 200; ul. Długa 7/3
    re.compile(
        rf"{_BEFORE}(?:Calle|Avenida|Avda\.?|Av\.|Plaza|Paseo|Camino|Carrer|Rua|Praça|Travessa|Via|Viale|Piazza|Corso|Largo|Vicolo|(?i:ul\.|ulica|al\.|os\.))"
        rf"{_S}?(?:(?:de|del|de{_S}la|da|do|dos|della|dei|degli){_S})?{_W}(?:{_S}(?:(?:de|del|da|do|di|della){_S})?{_W}){{0,3}}"
        rf"(?:,{_S}?|{_S})(?:n[º°o.]{{1,2}}{_S}?)?{_NUMBER}{_TOWN}{_END}"
    ),
    re.compile(rf"{_BEFORE}(?:P\.?{_S}?O\.?{_S}?Box|Postfach|Postbus|Apartado){_S}\d{{1,6}}{_TOWN}{_END}"),
)
# A town with its code where no street is: "D-10115 Berlin", "Springfield, IL 62704", "London SW1A 1AA"
_TOWNS = (
    re.compile(rf"{_BEFORE}(?:D|A|CH|DE|AT|NL|BE|FR|PL|CZ)-\d{{4,5}}{_S}{_W}(?:{_S}{_W})?{_END}"),
    re.compile(  # of the USA, but for states that are words (OR, IN, OK, ID, …)
        rf"{_BEFORE}{_W}(?:{_S}{_W}){{0,2}},{_S}(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|I[AL]|K[SY]|LA|M[ADINOST]|N[CDEHJMVY]|OH|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]){_S}\d{{5}}(?:-\d{{4}})?{_END}"
    ),
    re.compile(rf"{_BEFORE}{_W},?{_S}{_UK}{_END}"),
)
_KEYS = r"(?:(?:home|street|postal|mailing|billing|shipping|delivery|residential|residence|invoice|customer|user|patient|work|office|visiting)[_ .-]?)"
_KEY = re.compile(
    rf"(?i)(?<![a-z0-9])(?:{_KEYS}*(?:address(?:[_ .-]?line)?[_ .-]?[12]?|addr[_ .-]?(?:line)?[_ .-]?[12]?|street(?:[_ .-]?(?:name|address|line|no|number))?[12]?|strasse|straße|adresse|anschrift|direccion|dirección|indirizzo|endereço|adres)"
    rf"|{_KEYS}*(?P<town>city|town|hometown|birthplace|place[_ .-]of[_ .-]birth|wohnort|geburtsort|ville|ciudad|cidade|città|miasto|suburb|neighbou?rhood)"
    rf"|{_KEYS}*(?P<code>zip(?:[_ .-]?code)?|post(?:al)?[_ .-]?code|plz|cep))"
    r"[\"']?\s*(?:=>|:=|[:=])\s*(?P<q>[\"'])?(?P<v>(?(q)[^\"'\n]{2,120}|[^\s\"',;&|{}\[\]()<>][^\"';&|{}\[\]()<>\n]{1,120}))"
)
_NEXT_KEY = re.compile(
    r",?\s+[\w.-]{1,40}\s*[:=]|\s{2,}|\s[-–|]\s|\s(?:is|was|not|rejected|already|in use|at|failed)\b"
)
_A_TOWN = re.compile(rf"{_W}(?:[ -]{_W}|{_S}(?:am|an|der|de|la|upon|sur|del){_S}{_W}){{0,3}}\Z")
_A_CODE = re.compile(rf"(?:{_CODE})\Z")
_A_STREET = re.compile(rf"(?=.*\d)(?=.*(?:^|[\s,])(?!0x){_W})(?=.*[\s,+])")
_NO_STREET = re.compile(r"(?i)0x[0-9a-f]+|\d+\.\d+\.\d+\.\d+|[\w.-]+:\d{2,5}\b|\w+@|https?:|[\\/]\w+[\\/]")
_LIVES = re.compile(
    rf"\b(?i:lives|living|lived|resides|residing|resident|born|home)\s(?:in|at|near)\s(?P<v>{_W}(?:[ -]{_W}){{0,2}}){_END}"
)
_COORDINATES = re.compile(
    r"(?i)(?<![a-z])(?:lat(?:itude)?|lon(?:g(?:itude)?)?|lng)[\"']?\s*[:=]\s*[\"']?(?P<v>-?\d{1,3}\.\d{4,})(?![\d.]|\s?\w?s\b|\w)"
)


def _street(of: str) -> int:
    """The bit of words that stand alone, but for signs behind them."""
    return words(*of.split(), before=Before.SPACE, then=r"(?:\.?,?|;|\"(?:,|\},?)?|',?|\))(?:\s|\Z)")


# An expression is tried where one of its words stands (in the order of _STREETS), or a word with one of the ends of the second.
_STREET_WORDS = (
    _street(
        "street st road rd avenue ave boulevard blvd lane ln drive dr court ct square sq way terrace crescent close parkway pkwy highway hwy mews row gardens grove hill"
    ),
    _street("straße strasse allee platz straat laan")
    | words(
        "straße ", "strasse ", "str. ", "gasse ", "allee ", "platz ", "damm ", "ufer ", "ssee ", "straat ", "laan ", "gracht ", "plein ", "kade ", "weg ", "c/"
    ),
    _street("rue avenue boulevard place chemin impasse quai allée cours route"),
    _street(
        "calle avenida avda av plaza paseo camino carrer rua praça travessa via viale piazza corso largo vicolo ul ulica al os"
    ),
    _street("box postfach postbus apartado"),
)  # fmt: skip
# What only each of _TOWNS has, begun by a literal, which is what makes a search quick.
_TOWN_LOOKS = (
    (("-0000",), re.compile(r"-\d{4,5}[ \t]")),
    ((", AA 0",), re.compile(r",[ \t][A-Z]{2}[ \t]\d{5}")),
    ((" 0AA",), re.compile(r" \d[A-Z]{2}(?!\w)")),
)
_DIGIT = re.compile(r"\d")
_KEY_WORDS = words(
    "addr", "street", "stra", "adres", "anschrift", "direcci", "indirizzo", "endere", "city", "town", "birth", "wohnort", "geburtsort", "ville",
    "ciudad", "cidade", "città", "miasto", "suburb", "neighbo", "zip", "post", "plz", "cep", then=r"[\w .-]{0,24}[\"']?\s*+[:=]",
)  # fmt: skip
_LIVES_WORDS = words(
    *("lives", "living", "lived", "resides", "residing", "resident", "born", "home"), before=Before.NO_WORD, then=r"\s(?:in|at|near)\s"
)  # fmt: skip
#: A text without any of these holds no place; for the column engine, which ignores case for ASCII letters only.
PREFILTER = (
    r"\p{Lu}\p{L}+[.,]* +(?:n\S{1,2} *)?\d|\d[a-zA-Z]?,? +(?:bis |ter )?\p{L}|(?i-u:addr|street|stra|adres|anschrift|direcci|indirizzo|endere|city|town|birth|wohnort|geburtsort|ville|"
    r"ciudad|cidade|miasto|suburb|neighbo|zip|post|plz|cep|lat|lon|lng|liv|resid|born|home)|citt"
)


def find(look: Look) -> Iterator[Span]:
    """Spans of places."""
    text, lower, seen = look.text, look.lower, look.seen
    if "0" in look.shape or _DIGIT.search(text):
        for word, expression in zip(_STREET_WORDS, _STREETS, strict=True):
            if seen & word:
                for m in expression.finditer(text):
                    yield Span(*m.span(), Kind.PLACE)
        for (signs, otherwise), expression in zip(_TOWN_LOOKS, _TOWNS, strict=True):
            if look.shows(signs, otherwise):
                for m in expression.finditer(text):
                    yield Span(*m.span(), Kind.PLACE)
        if "lat" in lower or "lon" in lower or "lng" in lower:
            for m in _COORDINATES.finditer(text):
                yield Span(*m.span("v"), Kind.PLACE)
    if seen & _KEY_WORDS:
        yield from _keyed(text)
    if seen & _LIVES_WORDS:
        for m in _LIVES.finditer(text):
            yield Span(*m.span("v"), Kind.PLACE)


def _keyed(text: str) -> Iterator[Span]:
    at = 0
    while (m := _KEY.search(text, at)) is not None:
        value: str = m["v"]
        if m["q"] is None:
            end = _NEXT_KEY.search(value)
            value = value[: end.start()] if end else value
            if m["town"] or m["code"]:
                value = value.split(",")[0]
        at = m.start("v") + max(len(value), 1)
        value = value.rstrip(" ,.")
        said = value.replace("+", " ").replace("%20", " ")
        if m["town"]:
            fits = _A_TOWN.match(said) is not None
        elif m["code"]:
            fits = _A_CODE.match(said) is not None
        else:
            fits = _A_STREET.match(said) is not None and _NO_STREET.search(said) is None
        if fits:
            yield Span(m.start("v"), m.start("v") + len(value), Kind.PLACE)
