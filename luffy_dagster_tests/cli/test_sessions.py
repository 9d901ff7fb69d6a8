"""`luffy sessions`: odd orders of a log that was just read, as a table and as JSON."""

from datetime import UTC, datetime, timedelta

from luffy_dagster_tests.core.test_sessions import ODD, START, shop


def write(path, orders: int) -> None:
    late = datetime.now(UTC) - timedelta(hours=2) - START
    lines = [f"{at + late:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03d} INFO shop.orders - {said}" for at, _, said in shop(orders)]
    path.write_text("\n".join(lines) + "\n")


def test_odd_orders_of_a_log(luffy, bare):
    write(bare / "app.log", 200)
    assert luffy("watch", "app.log", "--service", "shop").code == 0
    found = luffy("sessions", "-s", "shop", "--json")
    assert found.code == 0, found.err
    assert (found.json["key"], found.json["sessions"]) == ("order", 200)
    assert {row["session"] for row in found.json["abnormal"]} == set(ODD)
    shown = luffy("sessions", "-s", "shop").out
    assert "order 70007" in shown
    assert "missing" in shown
    assert "hardly ever" in shown
    assert len(luffy("sessions", "-s", "shop", "-n", "1", "--json").json["abnormal"]) == 1


def test_what_cannot_be_judged_is_told(luffy, bare):
    write(bare / "app.log", 20)
    assert luffy("watch", "app.log", "--service", "shop").code == 0
    assert "learning" in luffy("sessions", "-s", "shop").err
    assert "no identifier" in luffy("sessions", "-s", "shop", "--from", "1m").err
    assert luffy("sessions", "-s", "shop", "--from", "1h", "--to", "2h").code == 2
    assert luffy("sessions", "-s", "nobody").code == 1
