"""Generators of values of the families of `systems` and `systems_held`."""

from __future__ import annotations

import random
from collections.abc import Callable

from luffy_dagster_tests.core.parsing.families import first
from luffy_dagster_tests.core.parsing.families.values import _ROOTS, _hex, _n, _word

SYSTEM_VALUES: dict[str, Callable[[random.Random], str]] = {
    "hash5": lambda r: "".join(r.choice("bcdfghjklmnpqrstvwxz2456789") for _ in range(5)) + str(r.randrange(10)),
    "hash7": lambda r: _hex(r, 6) + str(r.randrange(10)),
    "hash8": lambda r: _hex(r, 7) + str(r.randrange(10)),
    "hash17": lambda r: "0" + _hex(r, 16),
    "hex1": lambda r: f"0x{r.randrange(9)}",
    "hex12": lambda r: _hex(r, 11) + str(r.randrange(10)),
    "hex16": lambda r: _hex(r, 15) + str(r.randrange(10)),
    "hex32": lambda r: _hex(r, 31) + str(r.randrange(10)),
    "hexaddr": lambda r: "0x" + _hex(r, 16),
    "out": lambda r: r.choice(
        ["HTTP probe failed with statuscode: 503", "Get /healthz: context deadline exceeded", "connection refused", ""]
    ),
    "fms": lambda r: f"{r.random() * 900:.{r.randrange(2, 7)}f}ms",
    "optpath": lambda r: r.choice(["", "/api", "/shop"]),
    "apipath": lambda r: f"/api/v{r.randrange(1, 4)}/{_word(r)}/{_n(r)}",
    "msg": lambda r: r.choice(
        [
            "Read timed out",
            "connection reset by peer",
            "No route to host",
            "broken pipe",
            f"unexpected token {_word(r)}",
        ]
    ),
    "optmsg": lambda r: r.choice(["", "ok", "server busy", "no network"]),
    "ctype": lambda r: r.choice(
        ["application/json; charset=utf-8", "text/html", "text/plain; charset=utf-8", "image/png"]
    ),
    "conn": lambda r: "0HM" + "".join(r.choice("ABCDEFGH0123456789") for _ in range(9)) + "7",
    "erl": lambda r: f"0.{r.randrange(99999)}.{r.randrange(9)}",
    "vhost": lambda r: r.choice(["/", "prod", "metering", "shop"]),
    "binlog": lambda r: f"mysql-bin.{r.randrange(999):06}",
    "nodelist": lambda r: r.choice(
        [
            f"cn[{r.randrange(99):03}-{r.randrange(100, 400)}]",
            f"cn{r.randrange(400):03}",
            f"gpu[{r.randrange(1, 4)},{r.randrange(5, 9)}]",
        ]
    ),
    "nodename": lambda r: r.choice([f"cn{r.randrange(400):03}", f"gpu{r.randrange(9)}", f"node-{r.randrange(256)}"]),
    "speeds": lambda r: " ".join(r.choice(["", "*"]) + str(r.randrange(2000, 4000)) for _ in range(r.randrange(3, 7))),
    "switchid": lambda r: f"sw{r.randrange(9)}-{r.randrange(30)}",
    "ifname": lambda r: r.choice(
        [
            f"GigabitEthernet{r.randrange(3)}/{r.randrange(48)}",
            f"TenGigE0/{r.randrange(3)}/0/{r.randrange(9)}",
            f"Vlan{r.randrange(400)}",
            f"Port-channel{r.randrange(9)}",
        ]
    ),
    "s": lambda r: r.choice(["", "s"]),
    "ciscomac": lambda r: ".".join(_hex(r, 4) for _ in range(3)),
    "cipher": lambda r: r.choice(["aes256-ctr", "aes128-cbc", "3des-cbc"]),
    "hmac": lambda r: r.choice(["hmac-sha1", "hmac-sha2-256"]),
    "mmss": lambda r: f"{r.randrange(60):02}:{r.randrange(60):02}",
    "epoch": lambda r: f"{r.randrange(1700000000, 1800000000)}.{r.randrange(10000):04}",
    "epochms": lambda r: str(r.randrange(1700000000000, 1800000000000)),
    "ssid": lambda r: r.choice(
        ["Living Room Sensor", "garden-valve", "Cafe Nord", "office5", "MyBand 4", "Anna's Phone", "Hall Lamp", "guest"]
    ),
    "svc": lambda r: r.choice(
        [
            "Daily apt activities",
            "Print Spooler",
            "Network Time",
            "Background Transfer",
            "Cleanup of Temporary Directories",
            "Bluetooth service",
            "Windows Search",
            "Disk Manager",
        ]
    ),
    "unit": lambda r: r.choice(
        [
            "apt-daily.service",
            "user-runtime-dir@1000.service",
            "fstrim.service",
            "docker.service",
            "snapd.socket",
            "logrotate.timer",
        ]
    ),
    "tag": lambda r: r.choice(["*launch*", "View Lock", "RILJ", "AudioMix", "*alarm*", "NetworkStats"]),
    "pkgname": lambda r: f"{r.choice(_ROOTS)}.{_word(r)}",
    "msdur": lambda r: r.choice([f"{r.randrange(999)}ms", f"{r.randrange(1, 9)}s{r.randrange(999)}ms"]),
    "mac2": lambda r: ":".join(_hex(r, 2).upper() for _ in range(6)),
    "ips": lambda r: ", ".join(first.GENERATORS["ip"](r) for _ in range(r.randrange(1, 4))),
    "kb": lambda r: f"KB{r.randrange(10**6, 10**7)}",
    "pnp": lambda r: f"ROOT\\{_word(r).upper()}\\{r.randrange(9999):04}",
    "HOSTX": lambda r: f"WS-{_word(r).upper()}{r.randrange(99)}",
    "exe": lambda r: r.choice(
        ["firefox.exe", "Team Chat.exe", "sync64.exe", "git-remote", "Mail (store)", "backup.exe *64"]
    ),
    "b64": lambda r: "".join(r.choice("ABCDEFGHIJabcdefghij0123456789+/") for _ in range(40)) + "x7",
    "b64s": lambda r: (
        r.choice("ABCDEFGH") + "".join(r.choice("ABCDEFGHIJabcdefghij0123456789") for _ in range(13)) + "4a"
    ),
    "algos": lambda r: ",".join(
        sorted(
            {r.choice(["ssh-rsa", "ssh-dss", "aes128-cbc", "3des-cbc", "hmac-md5"]) for _ in range(r.randrange(1, 5))}
        )
    ),
    "akka": lambda r: (
        f"akka.tcp://flow@{first.GENERATORS['host'](r)}:{r.randrange(1024, 65000)}/user/rpc/taskmanager_{r.randrange(9)}"
    ),
    "dottedkey": lambda r: f"{_word(r)}.{_word(r)}.{r.choice(['size', 'port', 'interval'])}",
    "idxname": lambda r: f"{_word(r)}-2026.{r.randrange(1, 13):02}.{r.randrange(1, 29):02}",
    "ip6": lambda r: ":".join(_hex(r, 4) for _ in range(8)),
    "qid": lambda r: "".join(r.choice("0123456789ABCDEF") for _ in range(9)) + "7",
    "rules": lambda r: ",".join(
        sorted(
            {
                r.choice(["BAYES_00", "HTML_MESSAGE", "SPF_PASS", "DKIM_VALID", "URIBL_BLACK"])
                for _ in range(r.randrange(1, 4))
            }
        )
    ),
    "arg": lambda r: r.choice(
        [f"SIP/{_word(r)}/{_n(r)},{r.randrange(90)}", "", "welcome", f"CALLERID(num)={_n(r)}", f"{r.randrange(9)}"]
    ),
    "dur": lambda r: r.choice(
        [
            f"{r.randrange(1, 9)} days {r.randrange(1, 23)} hours",
            f"{r.randrange(1, 59)} minutes",
            f"{r.randrange(1, 59)}m{r.randrange(59)}s",
            f"{r.randrange(23)}:{r.randrange(60):02}:{r.randrange(60):02}",
        ]
    ),
    "ver1": lambda r: r.choice(["$LATEST", str(r.randrange(1, 60))]),
    "arn": lambda r: f"arn:aws:iam::{r.randrange(10**11, 10**12)}:role/{_word(r)}-{_word(r)}",
    "zone": lambda r: r.choice(["eu-west-1a", "eu-west-1b", "us-east-2c"]),
    "code2": lambda r: f"{r.choice(['LX', 'BA', 'KL', 'U2'])}{r.randrange(100, 4000)}",
    "city": lambda r: r.choice(["Zurich", "New York", "Rio de Janeiro", "Oslo", "Paris", "San Francisco", "Delhi"]),
    "gate": lambda r: f"{r.choice('ABCDEF')}{r.randrange(1, 60)}",
}
