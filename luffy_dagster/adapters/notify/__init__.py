"""Other people's inboxes: Slack-compatible webhooks, e-mail, Alertmanager, and through Apprise the rest.

Each sends one message that was rendered and redacted before, once, and says how it went: accepted, or a `NotifyError` with
whether the receiver may have it. Retrying, order and keys are the outbox's business (`flows/delivery`).
"""
