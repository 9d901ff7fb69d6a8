"""E-mail by the installation's SMTP server (LUFFY_SMTP_…): one message to one service's addresses.

The Message-ID is the outbox's key, so that a mail that had to be sent twice is known by its readers' programs as one.
"""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from luffy_dagster.adapters.notify.errors import NotifyError
from luffy_dagster.core.alerting.model import MAIL_ADDRESS


@dataclass(frozen=True, slots=True)
class Mailer:
    """How mail leaves this installation. `security`: "none", "starttls" or "tls"."""

    host: str
    port: int
    sender: str
    security: str = "starttls"
    user: str | None = None
    password: str | None = None
    timeout: float = 15.0

    def send(self, to: str, subject: str, text: str, html: str, *, key: str, thread: str | None, at: datetime) -> None:
        """Sends one mail to one address; returns when the server has accepted it. Raises NotifyError."""
        if not MAIL_ADDRESS.fullmatch(to):
            raise NotifyError("the address is no e-mail address: correct it", permanent=True)
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = to
        message["Subject"] = subject
        message["Date"] = format_datetime(at)
        message["Message-ID"] = self.message_id(key)
        if thread is not None and thread != key:
            message["In-Reply-To"] = message["References"] = self.message_id(thread)
        message["Auto-Submitted"] = "auto-generated"  # no out-of-office answers
        message["X-Luffy-Key"] = key
        message.set_content(text)
        message.add_alternative(html, subtype="html")
        self._deliver(message, to)

    def message_id(self, key: str) -> str:
        """The Message-ID of an outbox key."""
        domain = self.sender.rpartition("@")[2].strip("> ") or "luffy.invalid"
        return f"<{key}@{domain}>"

    def _deliver(self, message: EmailMessage, to: str) -> None:
        handed_over = False
        server: smtplib.SMTP | None = None
        try:
            server = self._open()
            _accepted(server.mail(parseaddr(self.sender)[1]))
            _accepted(server.rcpt(to))
            handed_over = True
            _accepted(server.data(message.as_bytes(policy=message.policy.clone(linesep="\r\n", cte_type="7bit"))))
        except smtplib.SMTPResponseException as error:
            said = error.smtp_error
            words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
            raise NotifyError(
                f"{self.host} answers {error.smtp_code} ({' '.join(words.split())[:200]})",
                permanent=500 <= error.smtp_code < 600,
            ) from None
        except (OSError, smtplib.SMTPException) as error:
            late = isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)
            why = "gave no answer in time" if late else str(error) or type(error).__name__
            if handed_over:
                raise NotifyError(f"{self.host} took the mail and {why}: it may have it", uncertain=True) from None
            raise NotifyError(f"{self.host}:{self.port} does not take mail: {why}") from None
        finally:
            if server is not None:
                _leave(server)

    def _open(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        try:
            if self.security == "starttls":
                server.starttls(context=context)
            server.ehlo_or_helo_if_needed()
            if self.user:
                server.login(self.user, self.password or "")
        except BaseException:
            server.close()
            raise
        return server


def _leave(server: smtplib.SMTP) -> None:
    """Says good-bye; what goes wrong with that changes nothing any more."""
    try:
        server.quit()
    except (OSError, smtplib.SMTPException):
        server.close()


def _accepted(answer: tuple[int, bytes]) -> None:
    if answer[0] not in (250, 251):
        raise smtplib.SMTPResponseException(*answer)
