"""docker-compose.yml: what it must hold, and that the real Compose takes it where there is one."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

COMPOSE = "github.com/docker/compose/v5/cmd@v5.0.2"
ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
SECRETS = ("LUFFY_POSTGRES_PASSWORD", "LUFFY_OPENSEARCH_PASSWORD", "LUFFY_SECRET_KEY")
ASKED = {"postgres", "opensearch", "chroma", "ollama", "code-location", "webserver", "daemon"}


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load(TEXT)["services"]


def test_everything_is_there_and_looked_after(services):
    assert ASKED <= set(services)
    for name in ASKED:
        assert services[name]["healthcheck"]["test"], name
        assert services[name]["restart"] == "unless-stopped", name
        assert services[name]["volumes"], name


def test_no_secret_has_a_default():
    for name in SECRETS:
        uses = re.findall(r"\$\{" + name + r"[^}]*\}", TEXT)
        assert uses
        assert all(use.startswith(f"${{{name}:?") for use in uses)
    given = re.findall(r"(?im)^\s+\w*(?:password|secret|token)\w*: *(\S+)", TEXT)
    assert len(given) >= 3
    assert all(value.startswith("${") for value in given), given


def test_ports_are_for_this_host_only(services):
    for service in services.values():
        for port in service.get("ports", []):
            assert port.startswith("${LUFFY_BIND:-127.0.0.1}:")


def test_what_it_mounts_and_copies_exists():
    assert (ROOT / "docker/postgres/10-dagster-database.sql").exists()
    location = yaml.safe_load((ROOT / "docker/workspace.yaml").read_text())["load_from"][0]["grpc_server"]
    assert location["host"] in ASKED
    assert location["location_name"] == "luffy_dagster"
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY") and "--from" not in line:
            for name in line.split()[1:-1]:
                assert (ROOT / name).exists(), name


@pytest.fixture(scope="module")
def compose():
    """The command of a real Compose: the one named, Docker's, or one built by Go once and kept in the user's cache."""
    built = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "luffy-parts" / "compose"
    candidates = [[os.environ.get("LUFFY_TEST_COMPOSE", "")], ["docker", "compose"], [str(built / "cmd")]]
    for command in candidates:
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True).returncode == 0:
            return command
    if shutil.which("go") is None:
        pytest.skip("no Compose here, and no Go to build it: set LUFFY_TEST_COMPOSE to its binary")
    built.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"GOBIN": str(built), "GOFLAGS": "-modcacherw"}
    done = subprocess.run(["go", "install", COMPOSE], env=environment, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"Compose could not be built: {done.stderr.strip()[-200:]}")
    return [str(built / "cmd")]


@pytest.mark.slow
@pytest.mark.timeout(1200)  # built by Go, once on a machine
@pytest.mark.parametrize("given", [True, False], ids=["with passwords", "without"])
def test_the_real_compose_takes_it(compose, given, tmp_path):
    kept = {name: value for name, value in os.environ.items() if name not in SECRETS}
    secrets = dict.fromkeys(SECRETS, "Ab1x9") if given else {}
    (tmp_path / "empty.env").write_text("")
    done = subprocess.run(
        [*compose, "--env-file", str(tmp_path / "empty.env"), "-f", str(ROOT / "docker-compose.yml"), "config", "-q"],
        env=kept | secrets,
        capture_output=True,
        text=True,
    )
    if given:
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode != 0
        assert "in .env" in done.stderr
