"""Stack traces: which lines belong to one, what is in it, which frames are the service's own.

Belongs here: recognising and reading traces of all languages. Does not belong here: which exceptions are the same
(`core.clustering`), headers and wrappers of lines (`core.parsing.headers`, `core.parsing.unwrap`).
"""
