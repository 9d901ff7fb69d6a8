"""Root causes: evidence, suspects ranked over a service's history, verdicts, what a report may say.

Pure: what is read of a repository comes through `reading.Repository`, which `adapters.git` implements; the clock is passed in.
"""
