"""Secrets at rest: encrypted with Fernet (AES-128-CBC with HMAC) of `cryptography`, several keys for rotation.

The key comes from LUFFY_SECRET_KEY or is made once in LUFFY_HOME with permissions for its owner only. Which columns
are secret is the business of `services` and `sources`.
"""

from __future__ import annotations

import base64
import hashlib
import os
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from luffy_dagster.settings import Settings, get_settings
from luffy_dagster.store.errors import UnavailableError

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

_KEY_FILE = "secret.key"


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that does not show itself: only `reveal()` gives it."""

    _value: str | None = None
    _token: bytes | None = None  # still encrypted: a key that was lost must hurt only who needs the secret

    def reveal(self) -> str:
        """The secret itself; raises UnavailableError when no key of this installation opens it."""
        if self._value is None and self._token is not None:
            return _open(self._token, None)
        return self._value or ""

    def __repr__(self) -> str:
        return "Secret('********')"

    __str__ = __repr__


def _fernet_key(text: str) -> bytes:
    """A Fernet key as it is, any other passphrase by way of SHA-256."""
    raw = text.strip().encode()
    try:
        if len(base64.urlsafe_b64decode(raw)) == 32:
            return raw
    except ValueError:
        pass
    return base64.urlsafe_b64encode(hashlib.sha256(raw).digest())


def _made_key(home: Path) -> str:
    """The key of this installation, made at first use; raises UnavailableError where the folder cannot be written."""
    from cryptography.fernet import Fernet

    path = home / _KEY_FILE
    if path.exists():
        return path.read_text("ascii")
    # Written whole beside its place and linked there: nobody can read half a key, and the first of two makers wins.
    fresh = home / f".{_KEY_FILE}.{os.getpid()}.{threading.get_ident()}"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(Fernet.generate_key().decode())
            file.flush()
            os.fsync(file.fileno())
        os.link(fresh, path)
    except FileExistsError:
        pass  # another process was quicker: its key is the one
    except OSError as error:
        raise UnavailableError(f"cannot write the key to {home}: {error.strerror}; set LUFFY_SECRET_KEY") from None
    finally:
        fresh.unlink(missing_ok=True)
    return path.read_text("ascii")


@lru_cache(maxsize=16)
def _fernet(keys: str) -> MultiFernet:
    from cryptography.fernet import Fernet, MultiFernet

    return MultiFernet([Fernet(_fernet_key(k)) for k in keys.split(",") if k.strip()])


def _keys(settings: Settings | None) -> str:
    settings = settings or get_settings()
    return settings.secret_key.get_secret_value() if settings.secret_key is not None else _made_key(settings.home)


def encrypt(value: str | None, settings: Settings | None = None) -> bytes | None:
    """The token of a secret (None stays None)."""
    return None if value is None else _fernet(_keys(settings)).encrypt(value.encode())


def decrypt(token: bytes | None, settings: Settings | None = None) -> Secret | None:
    """The secret behind a token; raises UnavailableError when no key of this installation opens it."""
    return None if token is None else Secret(_open(bytes(token), settings))


def sealed(token: bytes | None) -> Secret | None:
    """The secret behind a token, decrypted only when it is revealed (None stays None)."""
    return None if token is None else Secret(_token=bytes(token))


def _open(token: bytes, settings: Settings | None) -> str:
    from cryptography.fernet import InvalidToken

    try:
        return _fernet(_keys(settings)).decrypt(token).decode()
    except InvalidToken:
        raise UnavailableError(
            "a stored secret cannot be decrypted: the key has changed; add the former key to LUFFY_SECRET_KEY (comma) or enter the secret again"
        ) from None


def rotate(token: bytes, settings: Settings | None = None) -> bytes:
    """The same secret under the first of the keys."""
    return _fernet(_keys(settings)).rotate(bytes(token))


def pseudonym_key(settings: Settings | None = None) -> bytes:
    """Key of the pseudonyms that redaction makes, drawn from the oldest key so that rotation changes no pseudonym."""
    oldest = _keys(settings).split(",")[-1].strip()
    return hashlib.blake2b(oldest.encode(), digest_size=32, person=b"luffy-pseudonym").digest()
