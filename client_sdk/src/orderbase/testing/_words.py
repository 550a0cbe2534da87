"""Search as Postgres does it for the web, nearly: English words, phrases, `or` and `-without`."""

import re

_TERMS = re.compile(r'(-?)(?:"([^"]*)"?|([^\s"]+))')
_WORD = re.compile(r"\w+")
_ENDINGS = re.compile(r"(?:'s|ies|es|s|ing|ed|y|e)$")
# Postgres knows more of them; these are what people type.
_STOP_WORD = re.compile(
    "an?|and|are|as|at|be|by|for|from|in|is|it|no|not|of|on|or|that|the|this|to|was|with"
)


def matches(text: str, search: str) -> bool:
    """Whether a text has what was searched for."""
    words = _stems(text)
    choices: list[list[bool]] = [[]]
    for minus, phrase, word in _TERMS.findall(search):
        if word.lower() == "or" and not minus:
            choices.append([])
        elif wanted := _stems(phrase or word):
            choices[-1].append(_has(words, wanted) != bool(minus))
    return any(terms and all(terms) for terms in choices)


def vector(text: str) -> str:
    """What a text is searched by, as Postgres writes it."""
    return " ".join(f"'{stem}':{place}" for place, stem in enumerate(_stems(text), 1))


def _has(words: list[str], phrase: list[str]) -> bool:
    length = len(phrase)
    return any(words[start : start + length] == phrase for start in range(len(words)))


def _stems(text: str) -> list[str]:
    """Words without their endings: "plates" is "plate"."""
    return [
        _ENDINGS.sub("", word) or word
        for word in _WORD.findall(text.lower())
        if not _STOP_WORD.fullmatch(word)
    ]
