"""Parser of command lines whose errors are one sentence, with a suggestion for what is misspelt."""

from __future__ import annotations

import argparse
import re
import sys
from difflib import get_close_matches
from typing import Any, Iterable, NoReturn, Sequence

_NO_CHOICE = re.compile(r"argument (.+?): invalid choice: (['\"]?)(.*?)\2 \(choose from (.*)\)", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """A parser that leaves no argument to its caller: that of the verbs knows none of a verb's options."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; exit with 2 for an argument that nobody declared."""
        # Before a required option is missed that is there, but misspelt.
        if self._subparsers is None:
            self._check_options(word for word in args or () if word.startswith("--"))
        found, rest = super().parse_known_args(args, namespace)
        self._check_options(word for word in rest if word.startswith("-"))
        if rest:
            self.error(f"unexpected argument {rest[0]!r}")
        return found, rest

    def error(self, message: str) -> NoReturn:
        """Print the error and exit with 2."""
        choice = _NO_CHOICE.fullmatch(message)
        if choice:
            name, _, value, choices = choice.groups()
            known = re.findall(r"[^\s,'\"]+", choices)
            close = _find_close(value, known)
            question = f"did you mean {close}? " if close else ""
            message = f"unknown {name.lower()} {value!r} ({question}known: {', '.join(known)})"
        elif not message.endswith("?"):
            message += f"; see {self.prog} --help"
        print(f"error: {message}", file=sys.stderr)
        sys.exit(2)

    def _check_options(self, words: Iterable[str]) -> None:
        """Exit for the first that is no option, nor the beginning of one."""
        known = list(self._option_string_actions)
        for word in words:
            option = word.partition("=")[0]
            if option == "--":
                return
            if not any(name.startswith(option) for name in known):
                close = _find_close(option, known)
                self.error(f"unknown option {option}" + (f": did you mean {close}?" if close else ""))


def _find_close(found: str, known: Sequence[str]) -> str | None:
    return next(iter(get_close_matches(found, known, n=1)), None)
