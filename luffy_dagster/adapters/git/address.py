"""Addresses of repositories: which are allowed, what to call them, and secrets taken out of them at once."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from luffy_dagster.adapters.git.errors import GitRefused, GitUnreachable

_SCP = re.compile(r"^(?:([\w.-]+)@)?([\w.-]+|\[[0-9a-fA-F:]+\]):(?!/?/)([^\s:][^\s]*)$")
_PLAIN = re.compile(r"^[^\x00-\x1f\x7f]+$")


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Which addresses may be fetched. `private` says whether hosts in private networks may (usual for one's own GitLab)."""

    protocols: tuple[str, ...] = ("https", "http", "ssh", "file")
    private: bool = True


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed address without any secret; `user` and `secret` are what stood in it."""

    url: str
    protocol: str
    host: str
    user: str | None = None
    secret: str | None = None

    def __repr__(self) -> str:
        return f"Address({self.url!r})"

    @property
    def key(self) -> str:
        """Name of the folder of its mirror: the same for the same address."""
        return hashlib.sha256(self.url.removesuffix("/").removesuffix(".git").encode()).hexdigest()[:24]

    @property
    def shown(self) -> str:
        """What to call it in messages."""
        return self.url.removesuffix(".git")


def parse_address(text: str, policy: AddressPolicy | None = None) -> Address:
    """The address that `text` means; raises GitRefused for one that is not allowed or cannot be."""
    policy, text = policy or AddressPolicy(), text.strip()
    shown = _shown(text)
    if not text or text.startswith("-") or not _PLAIN.match(text) or "::" in text.split("/", 1)[0].split("[", 1)[0]:
        raise GitRefused(shown, "this is no address of a repository", "give https://host/group/project.git")
    address = _read(text, shown)
    if address.protocol not in policy.protocols:
        allowed = ", ".join(policy.protocols) or "none"
        raise GitRefused(shown, f"{address.protocol}:// is not allowed", f"allowed are {allowed} (LUFFY_GIT_PROTOCOLS)")
    if address.host.startswith("-"):
        raise GitRefused(shown, "its host cannot be one", "give https://host/group/project.git")
    return address


def _read(text: str, shown: str) -> Address:
    if "://" in text:
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise GitRefused(shown, "this is no address", "give https://host/group/project.git") from None
        protocol = parts.scheme.lower()
        if protocol == "file":
            return Address(f"file://{parts.path}", "file", "")
        if not host:
            raise GitRefused(shown, "it names no host", "give https://host/group/project.git")
        place = f"[{host}]" if ":" in host else host
        place += f":{port}" if port else ""
        user = unquote(parts.username) if parts.username else None
        secret = unquote(parts.password) if parts.password else None
        if protocol in ("https", "http") and user and not secret:
            user, secret = None, user  # a token alone
        keep = f"{user}@" if protocol == "ssh" and user else ""
        return Address(f"{protocol}://{keep}{place}{parts.path}", protocol, host, user, secret)
    if text.startswith("/"):
        return Address(f"file://{text}", "file", "")
    match = _SCP.match(text)
    if match:
        user = match[1] or "git"
        return Address(f"ssh://{user}@{match[2]}/{match[3]}", "ssh", match[2].strip("[]"), user)
    raise GitRefused(shown, "this is no address of a repository", "give https://host/group/project.git")


def _shown(text: str) -> str:
    """`text` for a message: without what stands before an @, and without a query."""
    head, slashes, rest = text.partition("://")
    if slashes:
        text = f"{head}://{rest.split('?')[0].split('#')[0].rpartition('@')[2]}"
    return re.sub(r"[\x00-\x1f\x7f]", "?", text)[:200]


def check_host(address: Address, policy: AddressPolicy) -> None:
    """Refuses hosts of private networks where the policy says so, and link-local ones (cloud metadata) always.

    Raises GitRefused, or GitUnreachable when the name is unknown.
    """
    if not address.host:
        return
    try:
        found = socket.getaddrinfo(address.host, None, proto=socket.IPPROTO_TCP)
    except OSError:
        if policy.private:
            return  # a proxy may know the name; Git says so when it does not
        raise GitUnreachable(
            address.shown, "its host is unknown", "check the address and the network; the next run tries again"
        ) from None
    for place in found:
        ip = ipaddress.ip_address(str(place[4][0]).split("%")[0])
        ip = getattr(ip, "ipv4_mapped", None) or ip
        if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
            raise GitRefused(address.shown, f"{ip} is no address of a repository", "give the host's own address")
        if not policy.private and not ip.is_global:
            raise GitRefused(
                address.shown, "its host lies in a private network", "allow it by LUFFY_GIT_PRIVATE_ADDRESSES=true"
            )
