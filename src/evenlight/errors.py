"""Mistakes that a user can mend: the one exception for them, and suggestions."""

import difflib
from collections.abc import Sequence


class UserError(Exception):
    """A user's mistake, said in one clear sentence: what is wrong, where, and what to do.

    The command line prints the sentence without a traceback and exits with 1.
    """


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Words to add to a sentence about an unknown word: the closest known one, else the list of a few."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(sorted(known))}" if 0 < len(known) <= 30 else ""
