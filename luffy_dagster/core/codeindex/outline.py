"""The functions and classes of a source file, by tree-sitter; of a broken file what can be read of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from luffy_dagster.core.codeindex.choose import language_of

_FUNCTIONS = frozenset(
    {
        "function_definition", "function_declaration", "method_declaration", "method_definition", "constructor_declaration",
        "compact_constructor_declaration", "method", "singleton_method", "function_item", "local_function_statement",
        "generator_function_declaration", "init_declaration", "secondary_constructor", "destructor_declaration",
        "operator_declaration", "subroutine_declaration_statement", "function_signature_item", "accessor_declaration",
        "static_initializer", "deinit_declaration",
    }
)  # fmt: skip
_CLASSES = frozenset(
    {
        "class_definition", "class_declaration", "interface_declaration", "enum_declaration", "record_declaration",
        "annotation_type_declaration", "abstract_class_declaration", "class", "module", "struct_declaration", "struct_item",
        "impl_item", "trait_item", "enum_item", "mod_item", "trait_definition", "object_definition", "object_declaration",
        "trait_declaration", "struct_specifier", "class_specifier", "namespace_definition", "protocol_declaration",
        "namespace_declaration", "type_declaration", "companion_object", "mixin_declaration", "extension_declaration",
        "class_interface", "class_implementation", "category_implementation", "internal_module",
    }
)  # fmt: skip
_VALUES = frozenset({"arrow_function", "function_expression", "function", "generator_function", "class"})
_MAX_NODES = 400_000
_EXTENSIONS = {"vue": "typescript", "svelte": "typescript"}  # their script part is read as this


@dataclass(frozen=True, slots=True)
class Symbol:
    """A function or class. Lines are 1-based and inclusive; `name` is qualified by the classes around it with dots."""

    name: str
    kind: str  # function or class
    first: int
    last: int

    @property
    def short(self) -> str:
        """The last part of the name."""
        return self.name.rpartition(".")[2]


@cache
def _grammar(name: str) -> Any:
    from tree_sitter_language_pack import get_language

    return get_language(name)  # type: ignore[arg-type]


def outline(path: str, text: str) -> tuple[Symbol, ...]:
    """Functions and classes of a file in order of their first line; () for a language that is not read."""
    language = language_of(path)
    if language is None:
        return ()
    if language in _EXTENSIONS:
        text, language = _script_of(text), _EXTENSIONS[language]
    from tree_sitter import Parser

    tree = Parser(_grammar(language)).parse(text.encode("utf-8", "replace"))
    if language == "elixir":
        return tuple(_elixir(tree.root_node, ""))
    return tuple(sorted(_definitions(tree.root_node), key=lambda s: (s.first, -s.last)))


def innermost(symbols: tuple[Symbol, ...], line: int, *, kind: str = "function") -> Symbol | None:
    """The smallest symbol of a kind that holds a line."""
    around = [s for s in symbols if s.kind == kind and s.first <= line <= s.last]
    return min(around, key=lambda s: (s.last - s.first, -s.first), default=None)


def _script_of(text: str) -> str:
    """The script part of a component file, its lines where they were."""
    start = text.find("<script")
    opened = text.find(">", start) + 1 if start >= 0 else 0
    end = text.find("</script", opened)
    if start < 0 or end < 0:
        return ""
    return "\n" * text.count("\n", 0, opened) + text[opened:end]


def _definitions(root: Any) -> Iterator[Symbol]:
    stack: list[tuple[Any, str]] = [(root, "")]
    budget = _MAX_NODES
    while stack and budget > 0:
        node, prefix = stack.pop()
        for child in node.named_children:
            budget -= 1
            kind, name = _kind_and_name(child)
            inner = prefix
            if kind and name:
                inner = f"{prefix}.{name}" if prefix else name
                around = (
                    child.parent if child.parent is not None and child.parent.type == "decorated_definition" else child
                )
                yield Symbol(inner, kind, around.start_point[0] + 1, child.end_point[0] + 1)
                if kind == "class" and child.type in (
                    "namespace_definition",
                    "namespace_declaration",
                    "mod_item",
                    "internal_module",
                ):
                    inner = prefix
            if child.child_count:
                stack.append((child, inner))


def _kind_and_name(node: Any) -> tuple[str | None, str | None]:
    kind = node.type
    if kind in _FUNCTIONS:
        return "function", _name(node) or ("<init>" if kind in ("init_declaration", "secondary_constructor") else None)
    if kind in _CLASSES:
        return "class", _name(node)
    if kind in ("variable_declarator", "public_field_definition", "field_definition", "pair", "assignment_expression"):
        value = node.child_by_field_name("value") or node.child_by_field_name("right")
        if value is not None and value.type in _VALUES:
            key = next(
                (n for f in ("name", "property", "key", "left") if (n := node.child_by_field_name(f)) is not None), None
            )
            if key is not None:
                return ("class" if value.type == "class" else "function"), _text(key).rpartition(".")[2][:100]
    return None, None


def _name(node: Any) -> str | None:
    found = node.child_by_field_name("name")
    if found is None and node.type == "impl_item":
        found = node.child_by_field_name("type")
    if found is None:
        found = node.child_by_field_name("declarator")
        while found is not None and (deeper := found.child_by_field_name("declarator")) is not None:
            found = deeper
    if found is None:
        found = next(
            (
                c
                for c in node.named_children
                if c.type in ("identifier", "simple_identifier", "type_identifier", "type_spec")
            ),
            None,
        )
    if found is not None and found.type == "type_spec":
        found = found.child_by_field_name("name")
    if found is None:
        return None
    name = _text(found).replace("::", ".").strip()
    receiver = node.child_by_field_name("receiver")
    if receiver is not None:  # Go: func (s *Server) Serve
        words = _text(receiver).strip("()").replace("*", " ").split("[")[0].split()
        name = f"{words[-1]}.{name}" if words else name
    return name[:200] or None


def _text(node: Any) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _elixir(node: Any, prefix: str) -> Iterator[Symbol]:
    """Elixir defines by calls: `defmodule Shop.Cart do`, `def total(items) do`."""
    for child in node.named_children:
        inner = prefix
        target = child.child_by_field_name("target") if child.type == "call" else None
        word = _text(target) if target is not None else ""
        if word in ("defmodule", "def", "defp", "defmacro") and len(child.named_children) > 1:
            said = _text(child.named_children[1])
            name = said.split("(")[0].split(" ")[0].split(",")[0].strip()
            inner = f"{prefix}.{name}" if prefix else name
            yield Symbol(
                inner, "class" if word == "defmodule" else "function", child.start_point[0] + 1, child.end_point[0] + 1
            )
        yield from _elixir(child, inner)
