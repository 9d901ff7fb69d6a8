"""From raw rows to entries, exceptions and shapes: unwrapping, headers, folding, redaction, shapes, stack traces.

Pure: frames in, frames out; the caller passes clock and settings. `parse_rows` is the one way in for every door.
"""
