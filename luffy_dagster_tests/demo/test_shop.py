"""The shop really runs: its history, its three formats, its failures, its going on."""

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from luffy_dagster.demo import history, traffic
from luffy_dagster.demo.shop import make_shop

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return make_shop(tmp_path_factory.mktemp("demo"), now=NOW, hours=4)


def text_of(shop, service):
    return "".join(path.read_text() for path in sorted((shop.home / "logs" / service).glob("*.log")))


def test_history_is_believable(shop):
    assert 20 <= len(shop.commits) <= 30
    assert len({commit.author for commit in shop.commits}) >= 4
    times = [commit.at for commit in shop.commits]
    assert times == sorted(times)
    assert times[-1] < NOW < times[0] + timedelta(days=45)
    assert all(commit.at.weekday() < 5 for commit in shop.commits)
    near = [commit for commit in shop.commits if NOW - commit.at < timedelta(hours=8)]
    assert len(near) >= 5, "decoys stand near the commit that breaks"
    assert (
        subprocess.run(["git", "-C", shop.repo, "status", "--porcelain"], capture_output=True, check=True).stdout == b""
    )


def test_every_service_logs_in_its_own_format(shop):
    lines = text_of(shop, "checkout").splitlines()
    assert all(json.loads(line)["timestamp"] for line in lines)
    assert len(lines) == shop.lines["checkout"] > 100
    assert re.match(r"ts=2026-11-24T\d\d:\d\d:\d\d\.\d{3}Z level=info svc=catalog msg=", text_of(shop, "catalog"))
    assert re.match(r"2026-11-24 \d\d:\d\d:\d\d,\d{3} INFO  \[MainThread\] shop\.payments", text_of(shop, "payments"))


def test_no_line_lies_in_the_future(shop):
    stamps = re.findall(r"^ts=(\S+)", text_of(shop, "catalog"), flags=re.MULTILINE)
    times = [datetime.fromisoformat(stamp) for stamp in stamps]
    assert NOW - timedelta(hours=4, minutes=2) < times[0] < times[-1] < NOW


def test_the_planted_commit_breaks_and_only_it(shop):
    deployed = next(one for one in shop.deployments if one.sha == shop.culprit_commit)
    lines = text_of(shop, "payments").splitlines()
    failed = [line for line in lines if "request failed: no fee known for JPY" in line]
    assert len(failed) >= 4
    first = datetime.strptime(failed[0][:19], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    assert deployed.at <= first
    yen_before = [line for line in lines if " JPY, card" in line and line[:19] < f"{deployed.at:%Y-%m-%d %H:%M:%S}"]
    assert yen_before, "yen were charged before the commit, without an error"
    assert "KeyError: 'JPY'" in text_of(shop, "payments")
    assert "PaymentFailed" in text_of(shop, "checkout")


def test_there_is_noise_that_no_commit_explains(shop):
    assert "TimeoutError" in text_of(shop, "payments")
    assert "ValueError: invalid literal for int()" in text_of(shop, "catalog")


def test_a_second_call_goes_on_where_the_first_ended(tmp_path):
    first = make_shop(tmp_path, now=NOW, hours=0.5)
    soon = make_shop(tmp_path, now=NOW + timedelta(seconds=30), hours=0.5)
    assert sum(soon.lines.values()) == 0
    assert soon.culprit_commit == first.culprit_commit
    later = make_shop(tmp_path, now=NOW + timedelta(minutes=20), hours=0.5)
    assert later.start == first.end
    assert sum(later.lines.values()) > 0
    assert len(list((tmp_path / "logs" / "catalog").glob("*.log"))) == 2


def test_the_same_seed_gives_the_same_visits():
    start, end = NOW - timedelta(hours=1), NOW
    once, again = (list(traffic.requests(start, end, "7/0")) for _ in range(2))
    assert once == again
    assert once != list(traffic.requests(start, end, "8/0"))
    assert [one.at for one in once] == sorted(one.at for one in once)


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        ("2h50m", datetime(2026, 11, 24, 6, 40, tzinfo=UTC)),
        ("55m", datetime(2026, 11, 24, 8, 35, tzinfo=UTC)),
        ("1wd 10:12", datetime(2026, 11, 23, 10, 12, 17, tzinfo=UTC)),
        ("2wd 10:12", datetime(2026, 11, 20, 10, 12, 17, tzinfo=UTC)),
    ],
)
def test_ages(age, expected):
    assert history.time_of(age, NOW) == expected
    with pytest.raises(ValueError, match="no age"):
        history.time_of("soon", NOW)


def test_the_shops_own_tests_pass_at_every_deployed_commit(shop, tmp_path):
    for deployed in shop.deployments:
        history.export(shop.repo, deployed.sha, ["shopkit", "services", "tests"], tmp_path / "tree")
        done = subprocess.run(["python3", "-m", "unittest"], cwd=tmp_path / "tree", capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_the_days_before_are_written_by_the_same_code(tmp_path):
    made = make_shop(tmp_path, now=NOW, hours=0.2, past=True, calm=True)
    before, live = sorted((tmp_path / "logs" / "payments").glob("*.log"))
    words = [re.sub(r"[0-9a-f]{16}|\d+|[A-Z]{3} ", "#", line)[30:] for line in before.read_text().splitlines()]
    seen = {
        re.sub(r"[0-9a-f]{16}|\d+|[A-Z]{3} ", "#", line)[30:]
        for line in live.read_text().splitlines()
        if "charg" in line
    }
    assert seen & set(words), "the same lines, whoever runs the code"
    first = before.read_text()[:19]
    assert first == "2026-11-22 22:00:00", "a whole day before the day of the last hour"
    assert 'File "' in before.read_text(), "traces stand there as well"
    assert not {one.sha for one in made.deployments} & {made.culprit_commit}


def test_the_slowdown_shows_in_nothing_but_the_durations(tmp_path):
    shop = make_shop(tmp_path, now=NOW, hours=1.5)
    at = next(one.at for one in shop.deployments if one.sha == shop.commits[29].sha)
    shown = re.findall(
        r'ts=(\S+) level=(\w+) svc=catalog msg="product shown" sku=\S+ took=(\d+)ms', text_of(shop, "catalog")
    )
    before = [int(took) for ts, _, took in shown if datetime.fromisoformat(ts) < at]
    after = [int(took) for ts, _, took in shown if datetime.fromisoformat(ts) > at]
    assert max(before) < min(after)
    assert sum(after) / len(after) > 5 * sum(before) / len(before)
    assert {level for _, level, _ in shown} == {"info"}


def test_a_receiver_keeps_what_arrives_and_its_port(tmp_path):
    import http.client

    from luffy_dagster.demo import inbox

    one = inbox.start(tmp_path)
    try:
        assert inbox.start(tmp_path) == one
        wire = http.client.HTTPConnection("127.0.0.1", one.port, timeout=10)
        wire.request("POST", "/services/demo", b'{"text": "a *b*"}', {"Idempotency-Key": "k1"})
        assert wire.getresponse().status == 200
        wire.close()
        assert one.messages() == [{"key": "k1", "body": {"text": "a *b*"}}]
        assert inbox.text_of(one.messages()[0]["body"]) == "a b"
    finally:
        assert inbox.stop(tmp_path)
    again = inbox.start(tmp_path)
    try:
        assert again.port == one.port
        assert len(again.messages()) == 1
    finally:
        inbox.stop(tmp_path)


def test_the_shop_goes_on_until_it_is_closed(tmp_path):
    import time

    from luffy_dagster.demo import live

    now = datetime.now(UTC)
    make_shop(tmp_path, now=now - timedelta(minutes=4), hours=0.1)
    live.start(tmp_path)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(list((tmp_path / "logs" / "catalog").glob("*.log"))) < 2:
        time.sleep(0.2)
    while (
        time.monotonic() < deadline
        and "search done" not in sorted((tmp_path / "logs" / "catalog").glob("*.log"))[-1].read_text()
    ):
        time.sleep(0.2)
    assert live.stop(tmp_path)
    until = datetime.fromisoformat(json.loads((tmp_path / "state.json").read_text())["until"])
    assert until > now - timedelta(minutes=5)
    assert live.running(tmp_path) is None
    later = make_shop(tmp_path, now=now + timedelta(minutes=20), hours=1)
    assert later.start == until
