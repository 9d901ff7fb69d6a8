"""The REST API under `/api/v1`, and the pages. A door: it reads store and lake, and decides nothing.

`app` makes the application and says who may reach it; a module per topic holds its routes. So far it only reads, without
users and roles, and therefore answers on this machine alone.
"""
