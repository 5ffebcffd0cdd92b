"""YAML documents with the line of every value, for errors."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from experiments.errors import BadInput

YamlPath = tuple[str | int, ...]
"""How to get to a value: names of keys and positions in lists."""


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
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".") + ": " if path else ""


def read_document(file: Path) -> Document:
    """Read a YAML file of one document. Raises BadInput, with the line, for no YAML, double keys, or keys not text."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BadInput(f"{file}: cannot be read: {reason}") from error
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            raise BadInput(f"{file}:1: the file is empty")
        return _Reader(str(file), loader).read(node)
    except yaml.MarkedYAMLError as error:
        raise BadInput(_describe_syntax(str(file), error)) from error
    except (yaml.YAMLError, ValueError) as error:
        raise BadInput(f"{file}: is not valid YAML: {error}") from error


def _describe_syntax(file: str, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f"{file}:{mark.line + 1}" if mark else file
    if "'\\t'" in (error.problem or ""):
        return f"{place}: a tab, where YAML wants spaces: indent with spaces"
    context = f" {error.context}" if error.context else ""
    return f"{place}: is not valid YAML: {error.problem}{context}"


class _Reader:
    """A reader of nodes into plain data, with the line of each."""

    def __init__(self, file: str, loader: yaml.SafeLoader) -> None:
        self._loader = loader
        self._file = file
        self._findings: list[Finding] = []
        self._open: set[int] = set()
        self._document = Document(file, None)

    def read(self, node: yaml.Node) -> Document:
        data = self._value(node, ())
        document = Document(self._file, data, self._document.lines, self._document.texts)
        if self._findings:
            raise refuse(document, self._findings)
        return document

    def _value(self, node: yaml.Node, path: YamlPath) -> Any:
        self._document.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            self._document.texts[path] = node.value
            return self._loader.construct_object(node)
        if id(node) in self._open:
            self._findings.append(Finding(path, "an alias of what it stands in: write it out"))
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            return [self._value(item, (*path, position)) for position, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: YamlPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = key_node.value
            here = (*path, str(key) if isinstance(key_node, yaml.ScalarNode) else "?")
            if key_node.tag != "tag:yaml.org,2002:str":
                self._findings.append(Finding(here, "this key is not text: put it in quotes", line))
            elif key in data:
                first = self._document.lines[here]
                text = f"the key stands in line {first} and again in line {line}: keep one of them"
                self._findings.append(Finding(here, text, line))
            else:
                self._document.lines[here] = line
                data[key] = self._value(value_node, here)
        return data
