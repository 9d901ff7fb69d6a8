"""No address of a target makes this machine knock inside: not by a name, a redirect, another spelling or an address in an address."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from luffy_dagster.adapters.notify.addresses import Allowed, checked, system_resolve
from luffy_dagster.adapters.notify.apprise import check, send
from luffy_dagster.adapters.notify.errors import NotifyError
from luffy_dagster.adapters.notify.http import Poster
from luffy_dagster_tests.receivers import http_receiver

INSIDE = """
127.0.0.1 127.8.8.8 0.0.0.0 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 192.0.0.192 168.63.129.16 198.18.0.1
224.0.0.1 240.0.0.1 255.255.255.255 192.88.99.1 203.0.113.9 ::1 :: ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::127.0.0.1 64:ff9b::7f00:1
64:ff9b:1::a00:1 2002:7f00:1:: 2002:a00:1::1 2001:0:7f00:1::1 fe80::1 fe80::1%eth0 fec0::1 fc00::1 fd12::1 ff02::1 2001:db8::1 3fff::1
2606:4700::5efe:7f00:1 2606:4700::200:5efe:a00:1
""".split()


@pytest.mark.parametrize("address", INSIDE)
def test_special_addresses_are_refused_however_they_are_written(address):
    assert Allowed().refusal("hooks.example", address)
    with pytest.raises(NotifyError, match="LUFFY_NOTIFY_ALLOW_PRIVATE") as caught:
        checked("hooks.example", 443, Allowed(), lambda host, port: ["93.184.216.34", address])
    assert caught.value.permanent, "one such address among good ones refuses them all"


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"])
def test_addresses_outside_are_not(address):
    assert Allowed().refusal("hooks.example", address) is None


def test_what_is_allowed_is_allowed_and_nothing_beside_it():
    allowed = Allowed("10.0.0.0/24, hooks.local , ::1")
    assert allowed.refusal("x", "10.0.0.7") is None
    assert allowed.refusal("x", "::ffff:10.0.0.7") is None
    assert allowed.refusal("x", "10.0.1.7")
    assert allowed.refusal("hooks.local.", "192.168.0.5") is None
    assert allowed.refusal("evil-hooks.local", "192.168.0.5")
    assert allowed.refusal("x", "::1") is None
    assert allowed.refusal("x", "127.0.0.1")


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "017700000001", "0", "localhost", "127。0。0。1"])
def test_other_spellings_of_this_machine_are_refused(host):
    with http_receiver() as receiver:
        url = f"http://{host}:{receiver.server.server_port}/hook"
        with pytest.raises(NotifyError):
            Poster(Allowed(), 2.0).post(url, b"{}", {})
        assert receiver.requests == []


@pytest.mark.parametrize("url", ["http://user:pass@h.example/", "ftp://h.example/", "file:///etc/passwd", "gopher://h/", "http:///x", "http://h:99999/", "//h/"])
def test_addresses_that_are_none_are_refused(url):
    with pytest.raises(NotifyError) as caught:
        Poster(Allowed(), 2.0).post(url, b"{}", {})
    assert caught.value.permanent


def resolve_by(table):
    return lambda host, port: table[host] if host in table else system_resolve(host, port)


def test_a_name_is_resolved_once_and_the_connection_goes_to_what_was_checked():
    asked = []

    def rebinding(host, port):
        asked.append(host)
        return ["93.184.216.34"] if len(asked) == 1 else ["127.0.0.1"]

    poster = Poster(Allowed(), 0.3, rebinding)
    with http_receiver() as receiver:
        with pytest.raises(NotifyError):  # nobody answers there from here; what counts is that nobody asked again
            poster.post(f"http://hooks.example:{receiver.server.server_port}/", b"{}", {})
        assert asked == ["hooks.example"]
        assert receiver.requests == []


class _Redirects(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, status, location):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.server.asked += 1
                self.send_response(status)
                self.send_header("Location", location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.asked = 0
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", ["10.0.0.1", "[::ffff:127.0.0.2]", "inside.example", "169.254.169.254"])
def test_a_redirect_to_an_address_inside_is_refused(status, to):
    front = _Redirects(status, f"http://{to}:1/latest/meta-data")
    try:
        poster = Poster(Allowed("front.example"), 2.0, resolve_by({"front.example": ["127.0.0.1"], "inside.example": ["127.0.0.1"]}))
        with pytest.raises(NotifyError) as caught:
            poster.post(f"http://front.example:{front.server_port}/", b"{}", {})
        assert caught.value.permanent
        assert front.asked == 1
    finally:
        front.shutdown()
        front.server_close()


def test_redirects_without_end_end():
    front = _Redirects(307, "/again")
    try:
        with pytest.raises(NotifyError, match="redirects more than 3 times"):
            Poster(Allowed("127.0.0.1"), 5.0).post(f"http://127.0.0.1:{front.server_port}/", b"{}", {})
        assert front.asked == 4
    finally:
        front.shutdown()
        front.server_close()


def test_an_address_with_a_secret_in_it_stands_in_no_error():
    with http_receiver() as receiver:
        receiver.behaviour = [400]
        with pytest.raises(NotifyError) as caught:
            Poster(Allowed("127.0.0.1"), 2.0).post(receiver.url, b"{}", {})
        assert "secret-path" not in str(caught.value)
        with pytest.raises(NotifyError) as caught:
            Poster(Allowed(), 2.0).post(receiver.url, b"{}", {})
        assert "secret-path" not in str(caught.value)


def test_apprise_reaches_an_allowed_address_and_no_other_and_starts_nothing():
    with http_receiver() as receiver:
        port = receiver.server.server_port
        send(f"json://127.0.0.1:{port}/x", "t", "b", severity="high", allow_private="127.0.0.1")
        assert len(receiver.requests) == 1
        with pytest.raises(NotifyError, match="nothing is sent there") as caught:
            send(f"json://localhost:{port}/x", "t", "b", severity="high", allow_private="")
        assert caught.value.permanent
        assert len(receiver.requests) == 1


@pytest.mark.parametrize("url", ["syslog://", "rsyslog://127.0.0.1:1/"])
def test_apprise_speaks_to_no_program_of_this_machine(url):
    with pytest.raises(NotifyError):
        send(url, "t", "b", severity="low", allow_private="")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_apprise_names_what_it_does_not_know():
    with pytest.raises(NotifyError, match="does not know"):
        check("nonsense://x")
