"""Input of any kind is taken whole or refused by the name of its field; a thousand services cost no more queries than ten."""

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from luffy_dagster import store
from luffy_dagster.core.presets import DEFAULTS
from luffy_dagster.core.scheduling import due
from luffy_dagster.store.errors import InvalidError

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["\0", "\ud800", {"a": float("nan")}, {"k\0": 1}, ["\0"], "../../etc/passwd"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)
_quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _same(a, b):
    return repr(a) == repr(b) or a == b


@_quick
@given(field=st.sampled_from([*DEFAULTS, "preset", "id", "name"]), value=anything)
@example(field="redaction_policy", value={"a": float("nan")})
@example(field="team", value="\0")
@example(field="team", value="\ud800")
@example(field="preset", value=[None])
@example(field="name", value="a\0")
def test_any_value_of_a_service_is_taken_or_refused_by_name(engine, now, field, value):
    with engine.connect() as conn:  # never committed
        try:
            made = store.services.create(conn, {"name": "x", field: value}, actor="ann", now=now)
        except InvalidError as error:
            assert error.field == field or (field == "name" and error.field == "id")
        else:
            assert _same(store.services.get(conn, made.id), made)


@_quick
@given(field=st.sampled_from([*store.sources.PLAIN, *store.sources.SECRETS]), value=anything)
@example(field="options", value={"a": float("nan")})
@example(field="query_filter", value=[1])
@example(field="paths", value=None)
@example(field="host", value=5)
@example(field="password", value="\ud800")
def test_any_value_of_a_source_is_taken_or_refused_by_name(engine, now, field, value):
    with engine.connect() as conn:
        store.services.create(conn, {"id": "shop", "name": "x"}, actor="ann", now=now)
        fields = {"type": "opensearch", "host": "h", "index_pattern": "i", field: value}
        try:
            made = store.sources.create(conn, "shop", fields, actor="ann", now=now)
        except InvalidError as error:
            assert error.field == field
        else:
            assert _same(store.sources.get(conn, made.id), made)
            if field in store.sources.SECRETS and value:
                assert getattr(store.sources.credentials(conn, made.id), field).reveal() == value


def test_services_are_asked_by_the_same_few_queries_however_many(engine, now):
    asked = []
    event.listen(engine, "before_cursor_execute", lambda _c, _cur, statement, *_: asked.append(statement))
    counts = []
    for first, last in ((1, 10), (11, 1000)):
        with store.begin(engine) as conn:
            conn.execute(
                text(
                    "INSERT INTO service (id, name, lifecycle_state, last_log_fetch, last_rca_generation, created_at, updated_at)"
                    " SELECT 's' || n, 's' || n, 'Active', :now, :now, :now, :now FROM generate_series(CAST(:first AS int), CAST(:last AS int)) n"
                ),
                {"now": now, "first": first, "last": last},
            )
        with store.begin(engine) as conn:
            asked.clear()
            rows = store.schedule_rows(conn)
            assert due(rows, now) == []
            assert len({row.service for row in rows}) == last
            assert len(store.services.list_services(conn)) == last
            counts.append(len(asked))
    assert counts[0] == counts[1] <= 5
