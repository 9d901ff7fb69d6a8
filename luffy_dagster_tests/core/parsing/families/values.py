"""Generators of values: what stands in a slot of a family's template."""

from __future__ import annotations

import random
from collections.abc import Callable

from luffy_dagster_tests.core.parsing.families import first

_R = random.Random
_GIVEN = "Anna Bruno Carla Dario Elif Farid Greta Hugo Ines Jonas Kira Lars Mona Nils Olga".split()
_FAMILY = "Berg Costa Demir Engel Fischer Gruber Haas Iversen Jansen Keller Lund Meier".split()
_TITLES = ["Oak Table", "Blue Kettle", "Lamp", "Garden Chair Set", "Notebook", "Winter Coat", "Road Bike", "Tent"]
_PARTS = "Frame Buffer Power Session Cloud Key Print Layout Socket Audio Index Sync".split()
_ENDS = "Manager Service Controller Agent Helper Daemon Client Store".split()
_VERBS = "init open close handle update resolve start load flush notify".split()
_OBJECTS = "Device Connection Request Window Bundle Session Item Event State".split()
_ROOTS = "com.acme org.sample io.demo net.orbit".split()


def _word(r: _R) -> str:
    return r.choice(first.WORDS)


def _cname(r: _R) -> str:
    return r.choice(_PARTS) + r.choice(_ENDS)


def _title(r: _R) -> str:
    return r.choice(_TITLES)


def _person(r: _R) -> str:
    return r.choice(_GIVEN) + ("" if r.random() < 0.2 else " " + r.choice(_FAMILY))


def _hex(r: _R, n: int) -> str:
    return "".join(r.choice("0123456789abcdef") for _ in range(n))


def _n(r: _R) -> str:
    return str(r.randrange(1, 10 ** r.randrange(1, 6)))


def _stamp(r: _R) -> str:
    day = f"2026-{r.randrange(1, 13):02}-{r.randrange(1, 29):02}"
    return f"{day} {r.randrange(24):02}:{r.randrange(60):02}:{r.randrange(60):02}"


def _lifetime(r: _R) -> str:
    return r.choice([f"{r.randrange(60)} sec", f"{r.randrange(60):02}:{r.randrange(60):02}", "<1 sec"])


def _filesp(r: _R) -> str:
    return r.choice(
        [
            f"/Library/Application Support/{_cname(r)}/{_word(r)}.db",
            f"/Applications/{_word(r).title()} Pro.app",
            f"/Users/mia/Documents/{_word(r)}.txt",
            f"/System/Library/{_cname(r)}.bundle",
        ]
    )


def _sql(r: _R) -> str:
    return r.choice(
        [
            f"SELECT * FROM {_word(r)} WHERE id = {_n(r)}",
            f"INSERT INTO {_word(r)} (a, b) VALUES ({_n(r)}, {_n(r)})",
            f"UPDATE {_word(r)} SET qty = qty + 1",
            "COMMIT",
        ]
    )


VALUES: dict[str, Callable[[_R], str]] = {
    **first.GENERATORS,
    "rack": lambda r: (
        f"R{r.randrange(64):02}-M{r.randrange(2)}-N{r.randrange(16)}"
        + r.choice(["", f"-C:J{r.randrange(18):02}-U{r.randrange(40):02}"])
    ),
    "hex4": lambda r: _hex(r, 4).upper(),
    "hex8": lambda r: _hex(r, 7) + str(r.randrange(10)),
    "hexbytes": lambda r: " ".join(_hex(r, 2) for _ in range(r.choice([8, 16]))),
    "ver": lambda r: f"{r.randrange(1, 9)}.{r.randrange(20)}.{r.randrange(30)}",
    "ts": _stamp,
    "cname": _cname,
    "cfn": lambda r: r.choice(_VERBS) + r.choice(_OBJECTS),
    "dotted": lambda r: f"{r.choice(_ROOTS)}.{_word(r)}.{r.choice(_OBJECTS).lower()}",
    "filesp": _filesp,
    "bssid": lambda r: ":".join(_hex(r, r.choice([1, 2, 2, 2])) for _ in range(6)),
    "person": _person,
    "title": _title,
    "door": lambda r: r.choice(["doord:auth", "su:auth", "login:auth"]),
    "banner": lambda r: r.choice([r"\003", "GET / HTTP/1.0", "hello", f"SSH-{r.randrange(9)}"]),
    "lifetime": _lifetime,
    "wcomp": lambda r: (
        f"amd64_{_word(r)}-{_word(r)}_{_hex(r, 16)}_{r.randrange(1, 9)}.{r.randrange(9)}.{r.randrange(7000, 9000)}.{r.randrange(20000)}_none_{_hex(r, 16)}"
    ),
    "wpkg": lambda r: (
        f"Package_{r.randrange(300)}_for_KB{r.randrange(10**6, 10**7)}~{_hex(r, 15)}5~amd64~~6.1.{r.randrange(9)}.{r.randrange(9)}"
    ),
    "pci": lambda r: f"0000:{_hex(r, 2)}:{r.randrange(10)}{_hex(r, 1)}.{r.randrange(8)}",
    "attempt": lambda r: (
        f"attempt_{r.randrange(10**9, 2 * 10**9)}_{r.randrange(9999):04}_{r.choice('mr')}_{r.randrange(999):06}_{r.randrange(3)}"
    ),
    "appid": lambda r: f"application_{r.randrange(10**9, 2 * 10**9)}_{r.randrange(9999):04}",
    "srcline": lambda r: f"{_cname(r)}.scala:{r.randrange(900)}",
    "userlist": lambda r: ", ".join(
        sorted({r.choice(["etl", "root", "mia", "spark"]) for _ in range(r.randrange(1, 4))})
    ),
    "pg": lambda r: f"{r.randrange(30)}.{_hex(r, 2)}",
    "email": lambda r: f"{r.choice(_GIVEN).lower()}.{r.choice(_FAMILY).lower()}@example.{r.choice(['org', 'com'])}",
    "code": lambda r: "".join(r.choice("ABCDEFGHKLMNPQRSTUVWXYZ23456789") for _ in range(5)) + str(r.randrange(10, 99)),
    "success": lambda _: "success",
    "failure": lambda _: "failure",
    "ost": lambda r: f"scratch-OST{r.randrange(40):04}",
    "optword": lambda r: r.choice(["", "pts/0", "tty1", "ssh"]),
    "empty": lambda r: r.choice(["", "ok", "{}"]),
    "agent": lambda r: r.choice(["curl/8.1", "Mozilla/5.0 (X11; Linux)", "kube-probe/1.29", "-"]),
    "dag": lambda r: r.choice(["daily_sales", "hourly_clicks", "ml_train", "export_crm"]),
    "taskid": lambda r: r.choice(["extract", "transform_rows", "load", "notify_team", "check_quality"]),
    "paths": lambda r: ", ".join(first.GENERATORS["path"](r) for _ in range(r.randrange(1, 4))),
    "phone": lambda r: f"+41{r.randrange(10**8, 10**9)}",
    "sql": _sql,
    "idx": lambda r: f"{_word(r)}_{_word(r)}_idx",
    "proto": lambda _: "HTTP/1.1",
    "rail": lambda r: r.choice(["1.2V", "1.5V", "2.5V", "3.3V"]),
    "verb": lambda r: r.choice(["GET", "POST", "PUT", "DELETE"]),
}
