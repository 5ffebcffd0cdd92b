"""YAML documents with the line of every value, for errors."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from experiments.errors import BadInput, quote, shorten

YamlPath = tuple[str | int, ...]
"""How to get to a value: names of keys and positions in lists."""

MAXIMUM_BYTES = 256 * 1024
MAXIMUM_DEPTH = 20
MAXIMUM_VALUES = 10_000
"""Of a file, aliases counted as what they stand for. The shipped matrix has 18 kB, 6 levels and 600 values."""
MAXIMUM_CHARACTERS = 10_000
"""Of one key or value."""

_LARGEST_INTEGER = 1 << 62
_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
# No program, file name or database takes these.
_UNUSABLE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# What PyYAML raises for a text that is none of the tag's: of !!bool, !!timestamp, !!int, and of numbers too large.
_NOT_OF_TAG = (KeyError, AttributeError, ValueError, TypeError, IndexError, OverflowError)


_Parser = yaml.CSafeLoader | yaml.SafeLoader


@dataclass(frozen=True)
class Document:
    """A YAML file as plain data, with the line (from 1) and the source text of what stands at each path."""

    file: str
    data: Any
    lines: dict[YamlPath, int] = field(default_factory=dict)
    """Of a mapping's entry: the line of its key."""
    texts: dict[YamlPath, str] = field(default_factory=dict)
    """Of scalars: as written, without quotes."""

    def line(self, path: YamlPath) -> int:
        """Return the line of what stands there or, where there is nothing, of what should hold it."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a document."""

    path: YamlPath
    text: str
    line: int | None = None
    """The line, if it is not that of the path's beginning."""


def refuse(document: Document, findings: list[Finding]) -> BadInput:
    """Make one error of all findings, in the order of their lines."""
    placed = [(one.line or document.line(one.path), f"{write_path(one.path)}{one.text}") for one in findings]
    in_order = dict.fromkeys(sorted(placed, key=lambda line_and_text: line_and_text[0]))
    return BadInput("\n".join(f"{document.file}:{line}: {text}" for line, text in in_order))


def write_path(path: YamlPath) -> str:
    """Write a path for people, with the colon that follows it: 'experiments.loaders.matrix.loader[1]: '."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{shorten(step)}" for step in path)
    return text.removeprefix(".") + ": " if path else ""


def read_document(file: Path) -> Document:
    """Read a YAML file of one document. Raises BadInput, with the line, for no YAML, double keys, or keys not text."""
    text = _read_text(file)
    if yaml.__with_libyaml__ and "\t" not in text:
        # Several times as fast, but lenient with tabs. What it refuses is for the other parser to describe, or to take.
        with contextlib.suppress(yaml.YAMLError):
            return _read(file, yaml.CSafeLoader(text))
    parser = yaml.SafeLoader(text)
    try:
        return _read(file, parser)
    except yaml.MarkedYAMLError as error:
        raise BadInput(_describe_syntax(str(file), error)) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise BadInput(f"{file}:{parser.line + 1}: is not valid YAML: {error}") from error


def _read(file: Path, parser: _Parser) -> Document:
    loader = _Loader(parser)
    node = loader.get_single_node()
    if node is None:
        raise BadInput(f"{file}:1: the file is empty")
    return _Reader(str(file), loader).read(node)


def _read_text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAXIMUM_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{file}: cannot be read: {error.strerror}") from error
    if len(data) > MAXIMUM_BYTES:
        raise BadInput(f"{file}: has more than {MAXIMUM_BYTES // 1024} kB: remove what is not needed")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{file}:{line}: cannot be read: it is not UTF-8") from error
    if unusable := yaml.reader.Reader.NON_PRINTABLE.search(text):
        line = text.count("\n", 0, unusable.start()) + 1
        raise BadInput(f"{file}:{line}: is not valid YAML: the character {unusable[0]!r} is not allowed: remove it")
    return text


class _Loader(yaml.SafeLoader):
    """PyYAML's loader of what a parser finds, with bounds on what it composes."""

    def __init__(self, parser: _Parser) -> None:
        super().__init__("")
        for name in ("check_event", "peek_event", "get_event"):
            setattr(self, name, getattr(parser, name))
        self._depth = 0
        self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose the next node. Raises ComposerError beyond the bounds."""
        self._nodes += 1
        if self._depth > MAXIMUM_DEPTH or self._nodes > 2 * MAXIMUM_VALUES:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, _too_much(self._depth), mark)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def _too_much(depth: int) -> str:
    if depth > MAXIMUM_DEPTH:
        return f"this is nested deeper than {MAXIMUM_DEPTH} levels"
    return f"the file has more than {MAXIMUM_VALUES:,} values, with aliases counted as what they stand for"


def _describe_syntax(file: str, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f"{file}:{mark.line + 1}" if mark else file
    if "'\\t'" in (error.problem or ""):
        return f"{place}: a tab, where YAML wants spaces: indent with spaces"
    context = f" {error.context}" if error.context else ""
    return f"{place}: is not valid YAML: {shorten(f'{error.problem}{context}', 300)}"


class _Reader:
    """A reader of nodes into plain data, with the line of each."""

    def __init__(self, file: str, loader: _Loader) -> None:
        self._loader = loader
        self._file = file
        self._findings: list[Finding] = []
        self._open: set[int] = set()
        self._document = Document(file, None)
        self._values = 0

    def read(self, node: yaml.Node) -> Document:
        data = self._value(node, ())
        document = Document(self._file, data, self._document.lines, self._document.texts)
        if self._findings:
            raise refuse(document, self._findings)
        return document

    def _value(self, node: yaml.Node, path: YamlPath) -> Any:
        self._document.lines.setdefault(path, node.start_mark.line + 1)
        self._values += 1
        if len(path) > MAXIMUM_DEPTH or self._values > MAXIMUM_VALUES:
            raise yaml.composer.ComposerError(None, None, _too_much(len(path)), node.start_mark)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._open:
            self._findings.append(Finding(path, "an alias of what it stands in: write it out"))
            return None
        if node.tag not in _COLLECTIONS:
            self._findings.append(Finding(path, f"the tag {shorten(node.tag)} means nothing here: remove it"))
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            return [self._value(item, (*path, position)) for position, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _scalar(self, node: yaml.ScalarNode, path: YamlPath) -> Any:
        self._document.texts[path] = node.value
        if self._refuse_text(node, path):
            return None
        try:
            value = self._loader.construct_object(node)
        except _NOT_OF_TAG:
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            self._findings.append(Finding(path, f"{quote(node.value)} is not a valid {tag}: put it in quotes"))
            return None
        if isinstance(value, int) and abs(value) >= _LARGEST_INTEGER:
            self._findings.append(Finding(path, f"{shorten(node.value)} is too large for a number"))
            return None
        return value

    def _refuse_text(self, node: yaml.ScalarNode, path: YamlPath) -> bool:
        """Return whether the text is one that nothing can take, after noting why."""
        text, line = node.value, node.start_mark.line + 1
        if len(text) > MAXIMUM_CHARACTERS:
            why = f"has {len(text):,} characters: write at most {MAXIMUM_CHARACTERS:,}"
        elif unusable := _UNUSABLE.search(text):
            why = f"holds the character {unusable[0]!r}, which is no text: remove it"
        else:
            return False
        self._findings.append(Finding(path, why, line))
        return True

    def _mapping(self, node: yaml.MappingNode, path: YamlPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = key_node.value
            here = (*path, str(key) if isinstance(key_node, yaml.ScalarNode) else "?")
            if key_node.tag != "tag:yaml.org,2002:str":
                self._findings.append(Finding(here, "this key is not text: put it in quotes", line))
            elif self._refuse_text(key_node, here):
                continue
            elif key in data:
                first = self._document.lines[here]
                text = f"the key stands in line {first} and again in line {line}: keep one of them"
                self._findings.append(Finding(here, text, line))
            else:
                self._document.lines[here] = line
                data[key] = self._value(value_node, here)
        return data
