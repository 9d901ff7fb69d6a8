"""Headers: what stands before a line's message, found without any setting and read in the column engine.

`infer` settles the formats of a stream from a sample, `formats` holds them as values and compiled expressions,
`read` applies them to a column. Wrappers around the line (containers, JSON) are `unwrap`'s business; the texts of times `times`'s.
"""

from luffy_dagster.core.parsing.headers.formats import Format, Part
from luffy_dagster.core.parsing.headers.infer import infer_formats
from luffy_dagster.core.parsing.headers.read import FIELDS, read_headers

__all__ = ["FIELDS", "Format", "Part", "infer_formats", "read_headers"]
