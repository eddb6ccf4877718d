"""What looks like a secret is taken out of a text: the last line of defence, where nobody knows which there are.

Where they are known (a target's password, what the settings name) they are taken out by their value, before this.
A line may be long and somebody else's, so every pattern takes time in proportion to its length: what runs on without an
end is possessive, has a bound, or stops where the pattern could begin again. Groups are never possessive:
Python 3.11.2, which Debian 12 has, makes them match too little (https://github.com/python/cpython/issues/106052).
"""

from __future__ import annotations

import re

__all__ = ["redacted"]

# What a secret is called; a number that stands behind one of the second kind counts tokens, and is none.
_NAMED = r"(?:password|passwd|passphrase|\bpwd|secret)"
_COUNTED = r"(?:token|(?:api|access|private|secret)[_-]?key)"
_WORDS = ("pass", "pwd", "secret", "token", "key")
_EITHER = rf"(?:{_NAMED}|{_COUNTED})"
_NUMBER = r"\d+(?:\.\d+)?(?![\w.-])"
_QUOTED = r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'"
# Up to what ends a value; quotation marks and brackets behind it belong to the text around.
_BARE = r"[^\s&;,]+?(?=[\"')\]}]{0,8}(?:[\s&;,]|$))"

# Words, one of which is in what the patterns match: most texts have none, and to look for words costs next to nothing.
# A pattern keeps its first group and hides the rest.
_PATTERNS: tuple[tuple[tuple[str, ...], tuple[re.Pattern[str], ...]], ...] = tuple(
    (words, tuple(re.compile(pattern, re.DOTALL | re.MULTILINE) for pattern in patterns))
    for words, *patterns in (
        (
            ("://",),
            # user:password@ of a URL, up to the last @ of the authority. A slash belongs to the password where what
            # stands before it can be no port: people forget to percent-encode it.
            r"(?<=://)((?!\[)[^\s/:]*+:)(?:[^\s/@]++|(?!\d+[/?#\"'])(?:(?!://)[^\s\"'<>@])+)"
            r"(?:@[^\s/\"'<>@]*+(?=@))*(?=@)",
        ),
        (
            ("authorization",),
            r"((?i:authorization)[\"']?\s*[:=]\s*[\"']?(?:[A-Za-z]+[ \t]+)?)[^\s\"',;]+",
        ),
        (
            ("bearer", "basic"),
            r"\b((?i:bearer|basic)\s+)(?!(?:authenticat|authoriz|credential)[a-z]+)[A-Za-z0-9._~+/=-]{8,}",
        ),
        (
            _WORDS,
            rf"((?i:{_NAMED})\s*=\s*)(?:{_QUOTED}|{_BARE})",
            rf"((?i:{_COUNTED})\s*=\s*)(?!{_NUMBER})(?:{_QUOTED}|{_BARE})",
            rf"((?i:{_EITHER})[\"']?\s*[:=]\s*)(?:{_QUOTED})",
            # In JSON and YAML, and as a header; "secret: cannot read FILE" is a sentence.
            rf"((?i:{_EITHER})[\"']\s*:\s*)(?!{_NUMBER})(?![\[{{]|null\b|true\b|false\b){_BARE}",
            rf"((?i:{_EITHER})\s*:\s*)(?!{_NUMBER})(?=[^\s\d]{{0,100}}\d)[^\s,;&\"'}}]+",
            r"((?i:(?:api|access)[_-]?key)\s*:\s*)(?!\d+\b)[^\s,;&\"'}]+",
        ),
        (("akia", "asia"), r"()\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
        (("sk", "gh", "glpat", "xox"), r"()\b(?:sk|ghp|gho|glpat|xox[abp])[-_][A-Za-z0-9_-]{16,}"),
        (("-----begin",), r"()-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
    )
)
# What a program prints is data, and no sentence that happens to name a password.
_IN_DATA = re.compile(rf"((?i:{_EITHER})\s*:\s*)(?!{_NUMBER})[^\s,;&\"'}}\[]{{4,}}")


def redacted(text: str, mask: str = "***", *, data: bool = False) -> str:
    """`text` with `mask` for passwords of addresses and connection strings, tokens, keys and credentials of headers.

    `data` says that it is no sentence: then the word after `password:` is taken for one, too.
    """

    def hidden(match: re.Match[str]) -> str:
        return match[1] + mask

    lower = text.lower()
    for words, patterns in _PATTERNS:
        if any(word in lower for word in words):
            for pattern in patterns:
                text = pattern.sub(hidden, text)
    return _IN_DATA.sub(hidden, text) if data and any(word in lower for word in _WORDS) else text
