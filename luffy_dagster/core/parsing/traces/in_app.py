"""Which frames are the service's own: rules per language, and the service's own paths and prefixes, which win.

Belongs here: the judgement of one frame. Does not belong here: reading frames.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

# Packages of the platforms, of test runners and of what carries a call from one to the other.
_JAVA = re.compile(
    r"^(?:java|javax|jdk|sun|com\.sun|jakarta|kotlin|kotlinx|scala|groovy|clojure|android|androidx|dalvik|"
    r"junit|org\.junit|org\.testng|org\.mockito|net\.bytebuddy|org\.gradle|org\.apache\.(?:tools\.ant|maven|"
    r"catalina|coyote|tomcat|logging|log4j|http|kafka)|org\.hamcrest|org\.assertj|org\.springframework|org\.hibernate|"
    r"org\.eclipse\.jetty|io\.netty|io\.reactivex|reactor|io\.micrometer|com\.zaxxer|org\.slf4j|ch\.qos|"
    r"com\.intellij|com\.carrotsearch\.randomizedtesting|org\.jboss|io\.undertow|akka|play|org\.codehaus\.groovy|"
    r"com\.google\.(?:common|inject|gson|protobuf)|okhttp3|okio|retrofit2|feign|org\.postgresql|com\.mysql|oracle|"
    r"org\.aopalliance|worker\.org\.gradle|org\.scalatest|io\.vertx|io\.grpc|rx)\."
)
_PATH = re.compile(
    r"site-packages[/\\]|dist-packages[/\\]|[/\\]lib[/\\]python\d[\d.]*[/\\]|[/\\]lib64[/\\]python|python\d\d?_lib[/\\]|"
    r"^<frozen |^<(?:string|stdin|console|unknown|decorator|__array_function__)|"
    r"[/\\]node_modules[/\\]|^node:|^internal[/\\]|^(?:module|timers|events|net|fs|vm|_stream_\w+)\.js|"
    r"[/\\]gems[/\\]|[/\\]ruby[/\\]\d|[/\\]rubygems|<internal:|[/\\]bundler[/\\]|"
    r"[/\\]vendor[/\\]|[/\\]usr[/\\]local[/\\]go[/\\]src[/\\]|[/\\]go[/\\]pkg[/\\]mod[/\\]|[/\\]goroot[/\\]|"
    r"[/\\]rustc[/\\]|[/\\]\.cargo[/\\]|[/\\]library[/\\](?:std|core|alloc)[/\\]|"
    r"^dart:|^package:flutter[/\\]|[/\\]\.pub-cache[/\\]|\[internal function\]|webpack[/\\]bootstrap|chrome-extension:",
    re.IGNORECASE,
)
_DOTNET = re.compile(r"^(?:System|Microsoft|Windows|Mono|NUnit|Xunit|Newtonsoft|Moq|Castle|Serilog|Npgsql|Dapper)\b\.?")
_RUST = re.compile(
    r"^(?:<?(?:std|core|alloc|tokio|futures\w*|rayon|hyper|test|backtrace)::|rust_begin_unwind|_?_?(?:rust|main$|libc_start|start$|clone))"
)
_BEAM_LIB = re.compile(
    r"^(?:stdlib|kernel|erts|elixir|logger|ex_unit|plug|plug_cowboy|cowboy|phoenix\w*|ecto\w*|db_connection|postgrex|ranch|telemetry|mix|iex|gen_server|proc_lib|gen|erl_\w+)$"
)
_GO_LIB = re.compile(
    r"^(?:runtime|net/http|net|testing|reflect|sync|syscall|internal/|encoding/|bufio|fmt|io|os|context|time|database/sql|panic$|main\.main\.func0$)\b"
)
_SWIFT = re.compile(r"^(?:libswift|libsystem|libdispatch|CoreFoundation|UIKit|Foundation|Swift|dyld|libobjc)")
_TEST = re.compile(
    r"(?:^|[/\\.])tests?[/\\.]|(?:^|[/\\])(?:test_[^/\\]*|conftest|[^/\\]*_test)\.(?:py|go|rb|exs)$|"
    r"\.(?:test|spec)\.[jt]sx?$|Tests?(?:\$|\.java$|\.kt$|\.cs$|$)|TestCase(?:\$|\.java$|$)|(?:^|\.)Test[A-Z]\w*(?:\$|\.java$|$)|IT$|[/\\]spec[/\\]"
)


@dataclass(frozen=True, slots=True)
class InAppRules:
    """What a service says about its own code; what it says wins over the rules of the language.

    `paths`: parts of file paths that are its own ("/srv/app/"). `prefixes`: packages, modules or namespaces that are
    its own ("com.acme."). `not_in_app`: parts of paths or prefixes that are not, winning over both.
    """

    paths: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    not_in_app: tuple[str, ...] = ()


DEFAULT = InAppRules()


@lru_cache(maxsize=65_536)
def is_in_app(language: str, module: str | None, file: str | None, function: str | None, rules: InAppRules) -> bool:
    """Whether a frame is the service's own code (also True for its tests: see `is_test`)."""
    module, path = module or "", file or ""
    name = f"{module}.{function}" if module else (function or "")
    if any(part in path or name.startswith(part) for part in rules.not_in_app):
        return False
    if any(part in path for part in rules.paths) or any(name.startswith(part) for part in rules.prefixes):
        return True
    if rules.prefixes and language in ("java", "csharp"):
        return False
    if language == "java":
        return not _JAVA.match(module + ".") and not module.startswith("$")
    if language == "csharp":
        return not _DOTNET.match(name)
    if language == "rust":
        return not _RUST.match(function or "") and not _PATH.search(path)
    if language == "elixir":
        return not _BEAM_LIB.match(module)
    if language == "go":
        return not _GO_LIB.match(name) and not _PATH.search(path)
    if language == "swift":
        return not _SWIFT.match(module)
    if language == "ruby" and module:
        return False
    if language == "javascript" and path in ("<anonymous>", "native", ""):
        return False
    return not _PATH.search(path)


@lru_cache(maxsize=65_536)
def is_test(module: str | None, file: str | None, function: str | None) -> bool:
    """Whether a frame is of a test: own code, but not where the fault lies."""
    return bool(
        (module and _TEST.search(module))
        or (file and _TEST.search(file))
        or (function is not None and function.startswith(("test_", "Test")) and not module)
    )
