"""Alerts: what is true now becomes pending, firing, resolved; what is hidden; who is told what and when.

Pure, the clock is passed in. `model` has the words, `judge` the states of alerts, `conditions` what counts and silences mean,
`mute` what hides an alert, `telling` when a message is due, `message` what it says. Reading facts and sending belong to
`flows/alerting` and `adapters/notify`; which signals have one cause to `core/incidents`.
"""
