"""Where a message may go: names are resolved once, every address is checked, and the connection is made to what was checked.

A user's address must not make this machine knock at doors inside (server-side request forgery): private, loopback, link-local
and other special addresses are refused unless LUFFY_NOTIFY_ALLOW_PRIVATE names them.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence

from luffy_dagster.adapters.notify.errors import NotifyError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Special all the same, though the standard library's table takes them for global ones: protocol assignments and a cloud's own
# metadata services among them, relays of 6to4, addresses of a site, documentation.
_SPECIAL = tuple(
    ipaddress.ip_network(one)
    for one in ("192.0.0.0/24", "168.63.129.16/32", "192.88.99.0/24", "fec0::/10", "64:ff9b:1::/48", "3fff::/20")
)


class Allowed:
    """Addresses that are allowed although they are special: networks, single addresses and host names, separated by commas."""

    def __init__(self, text: str = "") -> None:
        self.networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        self.names: set[str] = set()
        for part in (one.strip() for one in text.split(",")):
            if not part:
                continue
            try:
                self.networks.append(ipaddress.ip_network(part, strict=False))
            except ValueError:
                self.names.add(part.lower().rstrip("."))

    def refusal(self, host: str, address: str) -> str | None:
        """Why a connection to this address must not be made, or None."""
        if host.lower().rstrip(".") in self.names:
            return None
        try:
            ip: Address = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return "is no IP address"
        for one in embedded(ip):
            if any(one.version == net.version and one in net for net in self.networks):
                continue
            special = any(one.version == net.version and one in net for net in _SPECIAL)
            if special or not one.is_global or one.is_multicast or one.is_reserved:
                return "is a private or special address"
        return None


def embedded(ip: Address) -> list[Address]:
    """The address and the IPv4 addresses that an IPv6 one stands for (mapped, 6to4, NAT64, Teredo, ISATAP)."""
    if ip.version == 4:
        return [ip]
    assert isinstance(ip, ipaddress.IPv6Address)
    inner: list[Address] = []
    if ip.ipv4_mapped is not None:
        return [ip.ipv4_mapped]
    if ip.sixtofour is not None:
        inner.append(ip.sixtofour)
    if ip.teredo is not None:
        inner += list(ip.teredo)
    last = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if ip in _NAT64:
        return [last]
    if (int(ip) >> 32) & 0xFDFFFFFF == 0x5EFE:
        inner.append(last)
    return [ip, *inner]


def system_resolve(host: str, port: int) -> list[str]:
    """All addresses of a host name."""
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def checked(host: str, port: int, allowed: Allowed, resolve: Resolve = system_resolve) -> list[str]:
    """The addresses of a host, every one of them allowed. Raises NotifyError; one bad address among them refuses all."""
    try:
        addresses = list(resolve(host, port))
    except (OSError, UnicodeError) as error:
        raise NotifyError(f"the host {host} is not known ({error}); correct the address, or the name service") from None
    if not addresses:
        raise NotifyError(f"the host {host} has no address; correct it")
    for address in addresses:
        why = allowed.refusal(host, address)
        if why is not None:
            raise NotifyError(
                f"the host {host} {why} ({address}): nothing is sent there; allow it with LUFFY_NOTIFY_ALLOW_PRIVATE={address}",
                permanent=True,
            )
    return addresses
