"""Redaction: secrets always, personal data by policy; ids, digests, times and versions survive.

`redact` works on a column of texts (log lines), `redact_text` on one text (documents, prompts). Both find spans by the
same rules (`tokens`, `context`, `personal`, `names`, `places`; `looks` says which of them are worth trying) and put keyed pseudonyms in their place, so that the same value
reads the same everywhere in one installation. What goes wrong fails closed: a text that could not be examined is
replaced whole. Storage and policy per service are the caller's business.
"""

from luffy_dagster.core.redaction.engine import ALGORITHM, Redacted, key_block_rows, redact, redact_text
from luffy_dagster.core.redaction.policy import DOCUMENTS, LOGS, SECRETS, Policy

__all__ = ["ALGORITHM", "DOCUMENTS", "LOGS", "SECRETS", "Policy", "Redacted", "key_block_rows", "redact", "redact_text"]
