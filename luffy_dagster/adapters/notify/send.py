"""The senders by the settings: what a kind of target needs, made when it is used."""

from __future__ import annotations

import json
from typing import Any

from luffy_dagster.adapters.notify.addresses import Allowed
from luffy_dagster.adapters.notify.errors import NotifyError
from luffy_dagster.adapters.notify.http import Poster
from luffy_dagster.adapters.notify.mail import Mailer
from luffy_dagster.settings import Settings


def post_json(settings: Settings, url: str, body: Any, *, key: str) -> bytes:
    """Posts JSON under an idempotency key. Raises NotifyError."""
    poster = Poster(Allowed(settings.notify_allow_private), settings.notify_timeout_seconds)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Luffy",
        "Idempotency-Key": key,
    }
    return poster.post(url, json.dumps(body, ensure_ascii=False).encode(), headers)


def mailer(settings: Settings) -> Mailer:
    """The installation's way of sending mail. Raises NotifyError where none is set up."""
    if not settings.smtp_host:
        raise NotifyError("no mail server is set up: set LUFFY_SMTP_HOST (and LUFFY_SMTP_SENDER)")
    return Mailer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        sender=settings.smtp_sender,
        security=settings.smtp_security,
        user=settings.smtp_user,
        password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
        timeout=settings.notify_timeout_seconds,
    )


def apprise(settings: Settings, url: str, title: str, body: str, *, severity: str) -> None:
    """Sends through Apprise. Raises NotifyError."""
    from luffy_dagster.adapters.notify.apprise import send

    timeout = settings.notify_timeout_seconds + 10  # its process has to start
    send(url, title, body, severity=severity, allow_private=settings.notify_allow_private, timeout=timeout)
