"""Generators of values of the families of `software`."""

from __future__ import annotations

import random
from collections.abc import Callable

from luffy_dagster_tests.core.parsing.families.values import _hex, _word

_PARTS = "apple akamai music photos calendar mail cloud maps siri news stocks".split()
_CLASSES = "NSUserNotificationCenter IMDaemonListener UIKeyboardImpl CKRecordZone HIDDeviceBridge WBSCloudStore FIContainer DRIExtension".split()
_KEYS = "setDelegate contentView initWithFrame awakeFromNib shouldReload itemCount previewURL".split()

SOFTWARE_VALUES: dict[str, Callable[[random.Random], str]] = {
    "hex8x": lambda r: "0x" + _hex(r, 8),
    "hash16": lambda r: "0" * 14 + _hex(r, 1) + str(r.randrange(10)),
    "hash5x": lambda r: _hex(r, 4) + str(r.randrange(10)) + "000",
    "report": lambda r: rf"\\?\C:\Windows\servicing\sqm\{_word(r)}{r.randrange(99)}.sqm",
    "appleid": lambda r: f"com.apple.{r.choice(_PARTS)}{r.choice(['', '.daemon', '.agent', 'd', '.sync-' + _word(r)])}",
    "objcclass": lambda r: r.choice(_CLASSES),
    "objckey": lambda r: r.choice(_KEYS),
    "msgid": lambda r: f"{r.randrange(10**11, 10**12)}.{_hex(r, 6)}7@{_word(r)}.example.org",
    "proxyhost": lambda r: r.choice(
        [
            f"{_word(r)}.example.com",
            "proxy.campus.example.edu",
            ".".join(str(r.randrange(1, 255)) for _ in range(4)),
            f"play.{_word(r)}.example.net",
            f"{_word(r)}-api",
        ]
    ),
    "tty": lambda r: r.choice(["tty1", "tty2", "pts/0", "pts/3", ":0", "console"]),
    "n n": lambda r: f"{{{r.randrange(20)} {r.randrange(20)} {r.randrange(20)}}}",
    "wsource": lambda r: r.choice(["null", "WorkSource{10013}", "WorkSource{1000}"]),
    "extopts": lambda r: r.choice(["(null)", "errors=remount-ro", "discard"]),
    "epochs": lambda r: str(r.randrange(1_700_000_000, 1_800_000_000)),
    "inf": lambda r: f"oem{r.randrange(99)}.inf",
    "pci5": lambda r: f"0000:{_hex(r, 1)}{r.randrange(10)}",
    "macs": lambda r: ":".join(_hex(r, 2) for _ in range(14)),
    "cachecode": lambda r: r.choice(["TCP_MISS", "TCP_HIT", "TCP_TUNNEL", "TCP_DENIED"]),
    "optdash": lambda r: r.choice(["-", "-", "-", "mia"]),
    "ctype1": lambda r: r.choice(["text/html", "application/json", "image/png", "-"]),
    "frac": lambda r: f"{r.randrange(1, 4)}/{r.randrange(2, 5)}",
    "contid": lambda r: f"container_{r.randrange(10**12, 2 * 10**12)}_{r.randrange(9999):04}_01_{r.randrange(999999):06}",
    "ido": lambda r: f"FF:F2:9F:16:{_hex(r, 2).upper()}:{_hex(r, 2).upper()}:00:0D:60:E9:{_hex(r, 2).upper()}:{_hex(r, 2).upper()}",
}
