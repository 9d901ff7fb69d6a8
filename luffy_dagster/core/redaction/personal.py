"""Personal data with a form of its own: e-mail, phone, payment card, IBAN, national ids, IP addresses.

Check digits decide where there are any (Luhn for cards, ISO 7064 mod 97 for IBAN, the countries' own for ids), so that
ids, times and offsets of the same length survive. Names of people are in `names`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from luffy_dagster.core.redaction.looks import Before, Look, words
from luffy_dagster.core.redaction.policy import Kind, Policy, Span

# What the column engine looks for before anything here runs (Rust expressions: no look-around).
KEY_PREFILTER = (  # keys of phones and ids with a number behind them
    r"(?i)(?:^|[^a-z])(?:phone|mobile|cell|msisdn|telefon|tel|fax|handy|gsm|whatsapp|ssn|social[_ ]security|national[_ ]?id|nino|nin|passport|tax[_ ]?id|steuer[_-]?id|pesel|bsn|cpf|dni"
    r"|nie|nif|fiscale|personnummer|aadhaar|sin|licen[cs]e|insurance[_ ]?number|nummer|nir|secu)[a-z_ .-]{0,12}[\"']?[ \t]*(?:[:=#>]|is|number)?[=>]?[ \t]*[\"']?[+(]?[A-Z]{0,6}[ -]?[0-9]"
)
EMAIL_PREFILTER = r"[A-Za-z0-9_.+%-]@[A-Za-z0-9-]+\.[A-Za-z]|%40[A-Za-z0-9]|[^\x00-\x7f]@[^ ]+\.[a-z]"
PREFILTER = (
    r"(?-u:\b)(?:4[0-9]|5[0-9]|2[2-7]|6[0-9]|3[0-9])[0-9]{2}[ -]?(?:[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{1,4}|[0-9]{6}[ -]?[0-9]{4})(?-u:\b)"
    r"|\+[0-9][0-9 ().-]{7,}|(?-u:\b)00[1-9][0-9]{0,2}[ /-][0-9]|(?-u:\b)[0-9]{3}[-. )]{1,2}[0-9]{3}[-. ][0-9]{4}(?-u:\b)|(?:^|[^A-Za-z0-9_.:+-])0[0-9]{1,4}\)?[ /][0-9]{2,5}[ -](?:[0-9]{2,5}[ -])*[0-9]{2,5}(?:[^0-9:]|$)|(?:^|[^A-Za-z0-9_.:+-])0[0-9]{2,4}[ /-][0-9]{6}"
    r"|(?-u:\b)[0-9]{3}-[0-9]{2}-[0-9]{4}(?-u:\b)|(?-u:\b)[A-Z]{2}[0-9]{2}[ -]?[A-Z0-9]{4}[ -]?[A-Z0-9]{4}"
    r"|(?-u:\b)[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}|(?-u:\b)756\.[0-9]{4}|(?-u:\b)[A-Z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D](?-u:\b)"
)
# an IPv6 address has a gap or all its eight groups; times of day have neither
IP_PREFILTER = r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|::|(?:[0-9a-fA-F]{1,4}:){7}"

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+/:-])(?P<local>[A-Za-z0-9_](?:[A-Za-z0-9._%+'-]{0,62}[A-Za-z0-9_+])?)(?:@|%40)(?P<domain>(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(?P<tld>[A-Za-z]{2,24}))(?![A-Za-z0-9@-])"
)
_EMAIL_SIGN = re.compile("@|%40")
_LOCAL = 64  # characters of what stands before it, at most
_EMAIL_ANY = re.compile(r"[\w.+'-]+@(?:[\w-]+\.)+[^\W\d_]{2,24}")  # with letters of other alphabets
NOT_TLD = frozenset(
    {
        "service",
        "socket",
        "target",
        "timer",
        "mount",
        "slice",
        "scope",
        "swap",
        "path",
        "automount",
        "device",
        "py",
        "java",
        "js",
        "jar",
        "go",
        "rb",
        "git",
        "so",
        "log",
        "json",
        "yml",
        "yaml",
        "class",
        "dll",
    }
)
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])(?P<cc>[A-Z]{2})\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,4})?(?![A-Za-z0-9])"
)
_IBAN_LENGTH = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28,
    "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18,
    "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32,
    "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15,
    "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27,
    "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip
_CARD = re.compile(
    r"(?<![\w.+-])(?<![\w][:/])(?P<n>\d{4}(?P<sep>[ -]?)(?:\d{4}(?P=sep)\d{4}(?P=sep)\d{1,4}(?:(?P=sep)\d{3})?|\d{6}(?P=sep)\d{4,5}))(?![\w-]|\.\d)"
)
_DIGITS = re.compile(r"\d\D{0,2}\d")
_GROUPED_ID = re.compile(  # of the USA, Brazil, Switzerland
    r"(?<![\d.])\d{3}(?:(?<!-\d{3})(?<!000)(?<!666)-(?!00)\d{2}-(?!0000)\d{4}(?![\d-]|\.\d)"
    r"|\.\d{3}\.\d{3}-\d{2}(?!\d)|(?<=756)\.\d{4}\.\d{4}\.\d{2}(?!\d))"
)
_PHONE_ABROAD = re.compile(  # + country, groups
    r"(?<![\w+.])(?:\+|00(?=[1-9]\d{0,2}[ /-]))(?:[1-9]\d{0,2})(?:[ .-]?\(0?\d{0,4}\)|[ .-]?\d)(?:[ .-]?\d){6,12}(?![\w]|[:.]\d)"
)
_PHONE_AMERICA = re.compile(
    r"(?<![\w.+-])(?:1[-. ])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-. ])[2-9]\d{2}[-. ]\d{4}(?![\w-]|\.\d)"
)
# national with a leading zero and blanks: 020 7946 0123, 030/23125 123, 06 12 34 56 78
_PHONE_NATIONAL = re.compile(
    r"(?<![\w.:+-])(?:\(0\d{1,4}\)|0\d{1,4})[ /](?!\d{4}-\d\d-\d\d)(?:\d{2,5}[ -]){1,4}\d{2,5}(?![\w]|[:.-]\d)|(?<![\w.:+-])0\d{2,4}[ /-]\d{6,8}(?![\w]|[:.-]\d)"
)
_PHONE_KEY = re.compile(
    r"(?i)(?<![a-z])(?P<key>(?:\w+[_.-])?(?:phone|mobile|cell|msisdn|telefon|telephone|tel|fax|handy|gsm|whatsapp)(?:[_ .-]?(?:number|no|nr|num|home|work|e164))?)[\"']?\s*(?:[:=]|=>)\s*[\"']?(?P<v>\+?\(?\d[\d ().-]{5,20}\d)(?!\w)"
)
_KEYED_ID = re.compile(
    r"(?i)(?<![a-z])(?:ssn|social[_ ]security(?:[_ ](?:number|no))?|national[_ ]?id(?:entity)?(?:[_ ]?(?:number|no))?|nino|nin|passport(?:[_ ]?(?:number|no|num))?|tax[_ ]?id|steuer[_-]?id|pesel|bsn|cpf|dni|nie|nif|codice[_ ]?fiscale|personnummer|aadhaar|sin|driver'?s?[_ ]?licen[cs]e(?:[_ ]?(?:number|no))?|insurance[_ ]?number|sozialversicherungsnummer|nir|numero[_ ]?secu)(?![a-z])"  # not "sin" of "since 2026-11-24 11"
    r"[\"']?\s*(?:[:=#]|=>|\bis\b|\bnumber\b)?\s*[\"']?(?P<v>[A-Z]{0,6}[ -]?\d[A-Z0-9 .-]{4,18}[A-Z0-9])(?![A-Za-z0-9])"
)
# Border checks at every place cost more than a look for what only these numbers have: signs of a text's shape, or an expression.
_GROUPED_SIGNS, _GROUPED_LOOK = ("000-00-0000", "000.000.000-00", "000.0000.0000.00"), re.compile(r"\d\d\d[-.]\d")
_LETTERED_SIGNS, _LETTERED_LOOK = ("AA00", "AA 00"), re.compile(r"[A-Z][A-Z] ?\d\d")
_CARD_SIGNS = ("0000000000000", "0000 0000 0000 0", "0000-0000-0000-0", "0000 000000 0000", "0000-000000-0000")
_CARD_LOOK = re.compile(r"\d{4}[ -]?\d{4}")
_AMERICA_SIGNS, _AMERICA_LOOK = ("000-0000", "000.0000", "000 0000"), re.compile(r"[2-9]\d\d[-. ]\d{4}")
_ABROAD_LOOK = re.compile(r"00[1-9]\d{0,2}[ /-]")
_NATIONAL_SIGNS = ("00 00", "00/00", "00) 0", "00)/0", "000-000000")
_NATIONAL_LOOK = re.compile(r"0\d{1,4}\)?(?:[ /]\d{2,5}[ -]\d\d|[ /-]\d{6})")
_NINO = re.compile(
    r"(?<![A-Za-z0-9])(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?![A-Za-z0-9])"
)
# Expressions that ignore case start anywhere; a look for their words first costs a tenth of them.
_PHONE_WORDS = words(
    "phone",
    "mobile",
    "cell",
    "msisdn",
    "telefon",
    "tel",
    "fax",
    "handy",
    "gsm",
    "whatsapp",
    before=Before.NO_LETTER,
    then=r"[\w .-]{0,20}[\"']?\s*+[:=]",
)
_ID_WORDS = words(
    *("ssn", "nino", "nin", "pesel", "bsn", "cpf", "dni", "nie", "nif", "personnummer", "aadhaar", "sin", "nir"),
    before=Before.NO_LETTER,
    then=r"(?![a-z])[\"']?\s*+(?:[:=#]>?|is|number)?\s*+[\"']?[a-z]{0,6}[ -]?\d",
) | words(
    *("social", "national", "passport", "tax", "steuer", "codice", "licen", "insurance", "sozial", "secu"),
    before=Before.NO_LETTER,
    then=r"[\w' .-]{0,30}[\"']?\s*+(?:[:=#]>?)?\s*+[\"']?[\w -]{0,8}\d",
)
_IPV4 = re.compile(
    r"(?<![\w.-])(?<![vV])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w-]|\.\d)"
)
_IPV6 = re.compile(
    r"(?<![\w:.])(?:[0-9a-fA-F]{1,4}:){2,7}(?::?[0-9a-fA-F]{1,4}){0,6}(?![\w:])|(?<![\w:.])::(?:ffff:)?[0-9a-fA-F.:]{2,40}(?![\w:])"
)


def luhn(digits: str) -> bool:
    """Whether the check digit of ISO/IEC 7812-1 begins."""
    total = 0
    for i, c in enumerate(reversed(digits)):
        d = ord(c) - 48
        if i % 2:
            d = d * 2 - 9 if d > 4 else d * 2
        total += d
    return total % 10 == 0


def card(digits: str) -> bool:
    """Whether digits are a payment card: issuer range, length and check digit."""
    n = len(digits)
    two, four = int(digits[:2]), int(digits[:4])
    known = (
        (digits[0] == "4" and n in (13, 16, 19))
        or (51 <= two <= 55 and n == 16)
        or (2221 <= four <= 2720 and n == 16)
        or (two in (34, 37) and n == 15)
        or ((four == 6011 or 6440 <= four <= 6599) and n in (16, 19))
        or (two in (36, 38, 39, 30) and n == 14)
        or (3528 <= four <= 3589 and n == 16)
        or (two == 62 and n in (16, 19))
        or (two in (50, 56, 57, 58, 67) and n == 16)
    )
    return known and luhn(digits) and len(set(digits)) > 1


def iban(text: str) -> int:
    """Length in `text` (blanks counted) of the IBAN it starts with, or 0 (ISO 13616, mod 97)."""
    want = _IBAN_LENGTH.get(text[:2])
    if want is None:
        return 0
    kept = ""
    for i, c in enumerate(text):
        if c not in " -":
            kept += c
        if len(kept) == want:
            number = int("".join(str(int(x, 36)) for x in kept[4:] + kept[:4]))
            return i + 1 if number % 97 == 1 else 0
    return 0


def _email_ok(m: re.Match[str], text: str) -> bool:
    if m["tld"].lower() in NOT_TLD or m["local"].lower() == "git":
        return False
    after = text[m.end() : m.end() + 1]
    return not (after == ":" and text[m.end() + 1 : m.end() + 2].isalpha())  # scp-like remote: user@host:path


def _emails(text: str) -> Iterator[Span]:
    pos = 0
    while (sign := _EMAIL_SIGN.search(text, pos)) is not None:
        m = _EMAIL.search(text, max(pos, sign.start() - _LOCAL))
        if m is None:
            break
        pos = m.end()
        if _email_ok(m, text):
            yield Span(*m.span(), Kind.EMAIL)
    if not text.isascii():
        for m in _EMAIL_ANY.finditer(text):
            yield Span(*m.span(), Kind.EMAIL)


def _cards(look: Look) -> Iterator[Span]:
    if look.shows(_CARD_SIGNS, _CARD_LOOK):
        for m in _CARD.finditer(look.text):
            digits = m["n"].replace(m["sep"], "") if m["sep"] else m["n"]
            if 13 <= len(digits) <= 19 and card(digits):
                yield Span(*m.span("n"), Kind.CARD)


def _numbers(look: Look) -> Iterator[Span]:
    text = look.text
    yield from _cards(look)
    lettered = look.shows(_LETTERED_SIGNS, _LETTERED_LOOK)
    for m in _IBAN.finditer(text) if lettered else ():
        length = iban(m[0])
        if length:
            yield Span(m.start(), m.start() + length, Kind.IBAN)
    for expression, worth in ((_GROUPED_ID, look.shows(_GROUPED_SIGNS, _GROUPED_LOOK)), (_NINO, lettered)):
        for m in expression.finditer(text) if worth else ():
            yield Span(*m.span(), Kind.NATIONAL_ID)
    if look.seen & _ID_WORDS:
        for m in _KEYED_ID.finditer(text):
            if sum(c.isdigit() for c in m["v"]) >= 5:
                yield Span(*m.span("v"), Kind.NATIONAL_ID)


def _phones(look: Look) -> Iterator[Span]:
    text = look.text
    worth = (
        (_PHONE_ABROAD, "+" in text or ("00" in text and _ABROAD_LOOK.search(text) is not None)),
        (_PHONE_AMERICA, look.shows(_AMERICA_SIGNS, _AMERICA_LOOK)),
        (_PHONE_NATIONAL, look.shows(_NATIONAL_SIGNS, _NATIONAL_LOOK) and _NATIONAL_LOOK.search(text) is not None),
    )
    for expression, worth_it in worth:
        for m in expression.finditer(text) if worth_it else ():
            if 8 <= sum(c.isdigit() for c in m[0]) <= 15:
                yield Span(*m.span(), Kind.PHONE)
    if look.seen & _PHONE_WORDS:
        for m in _PHONE_KEY.finditer(text):
            if 7 <= sum(c.isdigit() for c in m["v"]) <= 15:
                yield Span(*m.span("v"), Kind.PHONE)


def _ips(text: str) -> Iterator[Span]:
    for m in _IPV4.finditer(text):
        before = text[max(0, m.start() - 12) : m.start()].lower()
        if not before.rstrip(" :=\"'v").endswith(("version", "firmware", "build", "release", "ver")):
            yield Span(*m.span(), Kind.IP)
    for m in _IPV6.finditer(text):
        try:
            ipaddress.IPv6Address(m[0])
        except ValueError:
            continue
        yield Span(*m.span(), Kind.IP)


def find_emails(text: str) -> Iterator[Span]:
    """Spans of e-mail addresses."""
    if "@" in text or "%40" in text:
        yield from _emails(text)


def only_email(text: str) -> tuple[int, int] | None:
    """Where the e-mail address stands in an ASCII text with one "@", if it is one."""
    m = _EMAIL.search(text)
    return m.span() if m is not None and _email_ok(m, text) else None


def find_numbers(look: Look, policy: Policy) -> Iterator[Span]:
    """Spans of cards, accounts, ids, telephones, and IP addresses if `policy` wants them."""
    if "00" in look.shape or _DIGITS.search(look.text):
        yield from _numbers(look)
        yield from _phones(look)
        if policy.wants(Kind.IP):
            yield from _ips(look.text)
