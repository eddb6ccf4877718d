"""What looks like a secret is hidden, and what does not is left."""

from __future__ import annotations

import time

import pytest

from watchkeeper.redaction import redacted


@pytest.mark.parametrize(
    "text, clean",
    [
        # user and password of an address
        ("postgresql://u:p@ss@h/db", "postgresql://u:***@h/db"),
        ("postgresql://u:p@s@s@h/db?a=b@c", "postgresql://u:***@h/db?a=b@c"),
        ("postgresql://u:p/a@h/db", "postgresql://u:***@h/db"),
        ("postgresql://u:12#4@h/db", "postgresql://u:***@h/db"),
        ("amqp://me@corp:pw@h, amqp://you:pw@q/", "amqp://me@corp:***@h, amqp://you:***@q/"),
        ("http://a:80,http://me:p/w@h", "http://a:80,http://me:***@h"),
        ('{"a":"redis://:pw@h","b":"x@y"}', '{"a":"redis://:***@h","b":"x@y"}'),
        # key=value
        ("host=h password=1234 user=me", "host=h password=*** user=me"),
        ("password='it\\'s' user=me", "password=*** user=me"),
        ('db_password=a"b x', "db_password=*** x"),
        ("token=xyz", "token=***"),
        ("connect(password=a)b]c)", "connect(password=***)"),
        ("GET /x?api_key=zzz&n=1", "GET /x?api_key=***&n=1"),
        # headers and JSON
        ("Authorization: Bearer abc", "Authorization: Bearer ***"),
        ("{'Authorization': 'Basic YTpi', 'X': '1'}", "{'Authorization': 'Basic ***', 'X': '1'}"),
        ("sent Bearer abcdef.ghijkl", "sent Bearer ***"),
        ("X-API-Key: zzz", "X-API-Key: ***"),
        ('{"password": "a\\"b", "n": 1}', '{"password": ***, "n": 1}'),
        ("password: hunter2", "password: ***"),
        # keys that are known by their form
        ("key AKIAABCDEFGHIJKLMNOP end", "key *** end"),
        ("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----.", "***."),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, clean: str) -> None:
    assert redacted(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "http://host:8080/a@b is fine",
        "http://[::1]:8080/a@b is fine",
        '{"url": "http://host:8080", "mail": "a@b"}',
        "basic authentication takes both user and password",
        "secret: cannot read /run/secrets/redis: No such file or directory",
        "secret: environment variable REDIS_PASSWORD is not set",
        "targets[0].password: expected {file: PATH} or {env: NAME}",
        "input_tokens: 512, token_count=7, next_token=512",
        "set user and password of the target",
    ],
)
def test_what_is_none_is_left(text: str) -> None:
    assert redacted(text) == text


def test_a_word_after_password_is_one_in_data() -> None:
    text = "password: swordfish user: me"
    assert redacted(text) == text
    assert redacted(text, "[redacted]", data=True) == "password: [redacted] user: me"


@pytest.mark.parametrize("part", ["://", "://u:p/", "password=)", "password='\\", "api_key:", "token:a", "-----BEGIN "])
def test_the_time_grows_with_the_text_and_no_faster(part: str) -> None:
    # About a second of the processor; where it grows with the square of the length, minutes.
    started = time.process_time()
    redacted(part * (100_000 // len(part)), data=True)
    assert time.process_time() - started < 15
