"""Shape → template: which shapes say the same thing. A mapping: it may change as more shapes are known.

Belongs here: mining over distinct shapes. Does not belong here: typed values (`masks`), the counting of templates over
time (`core.patterns`), decisions of people (rows of the mapping in the store).
"""

from luffy_dagster.core.parsing.templates.miner import TEMPLATE_ALGORITHM, mine_templates

__all__ = ["TEMPLATE_ALGORITHM", "mine_templates"]
