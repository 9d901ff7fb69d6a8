"""Secrets that show what they are: vendor prefixes, JWT, PEM blocks, webhook URLs.

One expression per vendor, after the vendors' own documentation of their token formats. Secrets that only their
surroundings give away are in `context`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import reduce
from operator import or_

from luffy_dagster.core.redaction.looks import Before, Look, words
from luffy_dagster.core.redaction.policy import Kind, Span

_W = r"[A-Za-z0-9_-]"  # the alphabet of URL-safe base64

# (literals of which one must occur, in any case; expression). Left borders keep a prefix from starting inside a word.
_TOKENS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("akia", "asia", "abia", "acca"), r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])"),
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"gh[pousr]_[A-Za-z0-9]{20,255}"),
    (("github_pat_",), r"github_pat_[A-Za-z0-9_]{22,255}"),
    (("gl",), r"gl(?:pat|ptt|rt|dt|cbt|ft|soat|oas|agent|imt|ffct|wt)-[A-Za-z0-9_.=-]{16,300}"),
    (("gr1348941",), rf"GR1348941{_W}{{20,}}"),
    (("xox", "xapp-"), r"xox[abeoprs](?:\.xox[abp])?-[A-Za-z0-9-]{10,300}"),
    (("xapp-",), r"xapp-\d-[A-Za-z0-9-]{10,300}"),
    (("k_live_", "k_test_", "k_prod_"), r"[rs]k_(?:live|test|prod)_[A-Za-z0-9]{10,247}"),
    (("whsec_",), r"whsec_[A-Za-z0-9+/=]{20,128}"),
    (("sk-",), rf"sk-(?:ant|proj|svcacct|admin|or|lf|live)-{_W}{{20,300}}"),
    (("sk-",), r"sk-[A-Za-z0-9]{20,120}(?![A-Za-z0-9_-])"),
    (("sg.",), rf"SG\.{_W}{{16,32}}\.{_W}{{32,64}}"),
    (("npm_",), r"npm_[A-Za-z0-9]{30,64}"),
    (("pypi-",), rf"pypi-{_W}{{16,400}}"),
    (("hf_", "api_org_"), r"(?:hf|api_org)_[A-Za-z0-9]{30,64}"),
    (("dop_v1_", "doo_v1_", "dor_v1_"), r"do[opr]_v1_[a-f0-9]{64}"),
    (("dapi",), r"dapi[a-f0-9]{32}(?:-\d)?"),
    (("dp.",), r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{20,64}"),
    (("hvs.", "hvb.", "hvr."), rf"hv[sbr]\.{_W}{{20,300}}"),
    (("aiza",), rf"AIza{_W}{{35}}(?!{_W})"),
    (("gocspx-",), rf"GOCSPX-{_W}{{20,64}}"),
    (("ya29.",), r"ya29\.[A-Za-z0-9_.-]{20,2000}"),
    (("1//",), rf"1//0{_W}{{30,200}}"),
    (("iqojb3jpz2lu",), r"(?:IQoJb3JpZ2lu|FwoGZXIvYXdz)[A-Za-z0-9+/=%]{50,2000}"),
    (("fwogzxivyxdz",), r"FwoGZXIvYXdz[A-Za-z0-9+/=%]{50,2000}"),
    (("q~",), r"[A-Za-z0-9_.~-]{3}\dQ~[A-Za-z0-9_.~-]{31,40}"),
    (("shp",), r"shp(?:at|ss|ca|pa|ua|tka)_[a-fA-F0-9]{32}"),
    (("sq0",), rf"sq0[a-z]{{3}}-{_W}{{22,50}}"),
    (("eaaa",), rf"EAAA{_W}{{56,64}}(?!{_W})"),
    (("eaac", "eaab", "eaad"), r"EAA[BCD][A-Za-z0-9]{60,300}"),
    (("lin_",), r"lin_(?:api|oauth)_[A-Za-z0-9]{32,64}"),
    (("pmak-",), r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    (("atatt3x", "atctt3x", "atbb", "atoa"), r"AT(?:ATT3x|CTT3x|BB|OA)[A-Za-z0-9_=-]{24,250}"),
    (("figd_", "figo_"), rf"fig[dorh]+_{_W}{{30,64}}"),
    (("dckr_",), rf"dckr_(?:pat|oat)_{_W}{{20,64}}"),
    (("nrak-", "nrii-", "nrjs-", "nraa-"), rf"NR(?:AK|II|JS|AA|RA)-{_W}{{19,64}}"),
    (("glsa_", "glc_"), r"glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}"),
    (("glc_",), r"glc_[A-Za-z0-9+/]{32,400}={0,2}"),
    (("rubygems_",), r"rubygems_[a-f0-9]{48}"),
    (("cio",), r"cio[A-Za-z0-9]{32}(?![A-Za-z0-9])"),
    (("pul-",), r"pul-[a-f0-9]{40}"),
    (("tskey-",), r"tskey-[a-z]+-[A-Za-z0-9]{6,}-?[A-Za-z0-9]{10,64}"),
    (("age-secret-key-",), r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    (("xkeysib-", "xsmtpsib-"), r"x(?:key|smtp)sib-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    (("key-",), r"key-[a-f0-9]{32}(?![A-Za-z0-9])"),
    (("-us",), r"[a-f0-9]{32}-us\d{1,2}(?![A-Za-z0-9])"),
    ((":aa",), rf"\d{{8,10}}:AA{_W}{{32,34}}"),
    (("hrku-",), rf"HRKU-{_W}{{36,64}}"),
    (("pscale_",), r"pscale_(?:pw|tkn|oauth)_[A-Za-z0-9_.=-]{32,64}"),
    (("sntrys_", "sntryu_"), r"sntry[su]_[A-Za-z0-9_+/=]{40,300}"),
    (("flyv1", "fo1_", "fm1", "fm2_"), r"(?:fo1_[\w-]{43}|fm[12][ar]?_[A-Za-z0-9+/]{40,}={0,3})"),
    (("flwseck",), r"FLWSECK(?:_TEST|_PROD)?-[A-Za-z0-9-]{12,64}"),
    (("ezak", "eztk"), r"EZ[AT]K[A-Za-z0-9]{54}"),
    (("ntn_", "secret_"), r"(?:ntn_[A-Za-z0-9]{40,50}|secret_[A-Za-z0-9]{43})"),
    (("sbp_", "sb_secret_"), rf"(?:sbp_[a-f0-9]{{40}}|sb_secret_{_W}{{20,60}})"),
    (("nfp_", "nfc_", "nfo_"), r"nf[pcoub]_[A-Za-z0-9]{36,40}"),
    (("dt0",), r"dt0[a-z]\d{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    (("sl.",), rf"sl\.(?:u\.)?{_W}{{100,2000}}"),
    (("pat",), r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    (("sk.ey",), rf"sk\.ey{_W}{{60,}}\.{_W}{{20,}}"),
    (("ltai", "akid"), r"(?:LTAI[A-Za-z0-9]{16,24}|AKID[A-Za-z0-9]{32})(?![A-Za-z0-9])"),
    (("tfp_", ".atlasv1."), rf"(?:tfp_[A-Za-z0-9]{{59}}|[A-Za-z0-9]{{14}}\.atlasv1\.{_W}{{60,70}})"),
    (("ops_ey",), r"ops_ey[A-Za-z0-9+/=_-]{100,}"),
    (("gsk_", "xai-", "r8_", "pplx-", "fw_"), r"(?:gsk_[A-Za-z0-9]{40,64}|xai-[A-Za-z0-9]{60,100}|r8_[A-Za-z0-9]{37}|pplx-[A-Za-z0-9]{40,64}|fw_[A-Za-z0-9]{20,40})"),
    (("aqvn", "t1."), rf"AQVN{_W}{{35,38}}(?!{_W})"),
    (("bkua_", "phx_", "phc_", "rnd_", "waka_", "aio_"), r"(?:bkua_[a-z0-9]{40}|ph[xc]_[A-Za-z0-9]{40,50}|rnd_[A-Za-z0-9]{24,40}|waka_[a-f0-9-]{36}|aio_[A-Za-z0-9]{28})"),
    (("ccipat_", "cciprj_"), r"cci(?:pat|prj)_[A-Za-z0-9]{10,30}_[a-f0-9]{40}"),
    (("pnu_", "pnb_"), r"pn[ub]_[A-Za-z0-9]{36}"),
    (("sk",), r"(?-i:SK[0-9a-f]{32})(?![0-9a-zA-Z])"),
    (("eyj",), rf"eyJ{_W}{{8,}}\.(?:eyJ{_W}{{4,}})?\.?{_W}*(?:\.{_W}*){{0,3}}"),
)  # fmt: skip

_LEFT = r"(?<![A-Za-z0-9])"
_INSIDE = frozenset(
    {"k_live_", "k_test_", "k_prod_", "q~", "-us", ":aa", ".atlasv1."}
)  # literals that begin no expression


def _words(literals: tuple[str, ...]) -> int:
    inside = words(*(lit for lit in literals if lit in _INSIDE))
    return inside | words(*(lit for lit in literals if lit not in _INSIDE), before=Before.NO_DIGIT)


_COMPILED = tuple((_words(lits), re.compile(_LEFT + expr)) for lits, expr in _TOKENS)
_ANY = reduce(or_, (word for word, _ in _COMPILED))

# Web hooks carry their secret in the path.
_WEBHOOKS = (
    ("hooks.slack.com", re.compile(r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9_/-]{20,})")),
    ("/api/webhooks/", re.compile(r"discord(?:app)?\.com/api/(?:v\d+/)?webhooks/(\d{5,}/[\w-]{20,})")),
    ("webhook.office.com", re.compile(r"webhook\.office\.com/webhookb2/([A-Za-z0-9@/_-]{30,})")),
    ("api.telegram.org/bot", re.compile(r"api\.telegram\.org/bot(\d+:[\w-]{20,})")),
)

_WEBHOOK_WORDS = tuple(words(lit) for lit, _ in _WEBHOOKS)
_PEM_WORDS = words("private key")
_PEM_BEGIN = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----")
_PEM_BODY = re.compile(r"(?:[\s|>A-Za-z0-9+/=:,.-]++|\\[nrt]|#012)*+")
_PEM_CUT = re.compile(r"(?:\s|\\[nrt]|[A-Za-z0-9+/=])*")

# What the column engine looks for before anything here runs: literals in any case, and for prefixes too short to be
# rare one expression of the Rust engine (no look-around).
_SHORT = 4
LITERALS: tuple[str, ...] = (
    *sorted(
        {lit for lits, _ in _TOKENS for lit in lits if len(lit) > _SHORT or (len(lit) == _SHORT and not lit.isalpha())}
    ),
    "private key",
    *(lit for lit, _ in _WEBHOOKS),
)
PREFILTER = (  # ASCII classes and borders: the Unicode ones cost a hundred times as much
    r"(?-u:\b)(?:A[KSBC][IC]A[A-Z2-7]{16}|gl[a-z]{2,5}-[A-Za-z0-9_]|xox[a-z]|sk-[A-Za-z0-9]|SG\.[A-Za-z0-9_-]{16}|dp\.[a-z]{2,5}\.|shp[a-z]{2,3}_"
    r"|sq0[a-z]{3}-|EAA[A-D][A-Za-z0-9]{20}|cio[A-Za-z0-9]{32}|EZ[AT]K|sl\.[A-Za-z0-9_]{40}|pat[A-Za-z0-9]{14}\.|LTAI|AKID|SK[0-9a-f]{32}|eyJ[A-Za-z0-9_]"
    r"|1//0|AT(?:BB|OA)[A-Za-z0-9_]|r8_|fw_|hf_|t1\.[A-Za-z0-9_]{20}|dapi[0-9a-f]{8}|AQVN|AIza|dt0[a-z][0-9])|-us[0-9]|[0-9]Q~|:AA[A-Za-z0-9_-]{30}"
)


def find(look: Look) -> Iterator[Span]:
    """Spans of secrets that their own form gives away."""
    text, seen = look.text, look.seen
    if seen & _ANY:  # nearly always none is there
        for word, expression in _COMPILED:
            if seen & word:
                for m in expression.finditer(text):
                    yield Span(m.start(), m.end(), Kind.SECRET)
    for (_, expression), word in zip(_WEBHOOKS, _WEBHOOK_WORDS, strict=True):
        if seen & word:
            for m in expression.finditer(text):
                yield Span(m.start(1), m.end(1), Kind.SECRET)
    if seen & _PEM_WORDS:
        yield from _private_keys(text)


def _private_keys(text: str) -> Iterator[Span]:
    """What stands between a private key's BEGIN and END, or behind a BEGIN that has none; each character is read once."""
    done = run = 0  # what is found already, and where the run of a key's characters ends that goes on behind a BEGIN
    end = -1
    for m in _PEM_BEGIN.finditer(text):
        if m.end() <= done:
            continue
        if end < m.end() and (end := text.find("-----END", m.end())) < 0:
            end = len(text)
        if run < m.end() and (body := _PEM_BODY.match(text, m.end())):
            run = body.end()
        cut = _PEM_CUT.match(text, m.end())
        done = end if run >= end else cut.end() if cut else m.end()
        if done > m.end():
            yield Span(m.end(), done, Kind.SECRET)
