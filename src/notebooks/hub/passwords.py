"""Passwords that people have set themselves, kept as scrypt hashes, and how often one may be guessed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import sqlalchemy as sa

MIN_LENGTH = 12
FREE_FAILURES = 5
MAX_WAIT_SECONDS = 900
# Names are as long as a person may type: each failed one is remembered, so their number is limited.
MAX_REMEMBERED = 10_000

metadata = sa.MetaData()
passwords = sa.Table(
    "datalab_passwords",
    metadata,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("hash", sa.String(255), nullable=False),
)


def hash_password(password: str, salt: bytes | None = None) -> str:
    """Salt and scrypt hash, as text."""
    salt = salt or os.urandom(16)
    digest = hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)
    return f"{base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def matches(password: str, hashed: str) -> bool:
    """Whether a password is the one that was hashed."""
    salt = base64.b64decode(hashed.split("$")[0])
    return hmac.compare_digest(hash_password(password, salt), hashed)


def derive(key: str, label: str) -> str:
    """A value of 192 bits that follows from the hub's key."""
    digest = hmac.new(key.encode(), label.encode(), hashlib.sha256).digest()[:24]
    return base64.urlsafe_b64encode(digest).decode()


@dataclass
class Throttle:
    """After five failures in a row a name waits 10 s, then twice as long each time, up to 15 minutes."""

    clock: Callable[[], float] = time.monotonic
    failures: dict[str, tuple[int, float]] = field(default_factory=dict)

    def wait(self, name: str) -> float:
        """Seconds until this name may try again."""
        count, last = self.failures.get(name, (0, 0.0))
        if count < FREE_FAILURES:
            return 0.0
        pause = min(10 * 2 ** (count - FREE_FAILURES), MAX_WAIT_SECONDS)
        return max(0.0, last + pause - self.clock())

    def failed(self, name: str) -> None:
        """Remember a failed login."""
        if name not in self.failures and len(self.failures) >= MAX_REMEMBERED:
            oldest = min(self.failures, key=lambda known: self.failures[known][1])
            del self.failures[oldest]
        self.failures[name] = (self.failures.get(name, (0, 0.0))[0] + 1, self.clock())

    def passed(self, name: str) -> None:
        """Forget them."""
        self.failures.pop(name, None)


class Passwords:
    """The passwords that people have set themselves. Its methods block: call them in a thread."""

    def __init__(self, url: str) -> None:
        self.engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
        metadata.create_all(self.engine)

    def get(self, name: str) -> str | None:
        """The hash, or None when this person has set none."""
        with self.engine.connect() as connection:
            return connection.scalar(sa.select(passwords.c.hash).where(passwords.c.name == name))

    def set(self, name: str, password: str, only_first: bool = False) -> bool:
        """Keep a password; with `only_first`, only when there is none yet. Whether it was kept."""
        with self.engine.begin() as connection:
            values = {"name": name, "hash": hash_password(password)}
            if not only_first:
                connection.execute(sa.delete(passwords).where(passwords.c.name == name))
            try:
                connection.execute(sa.insert(passwords).values(**values))
            except sa.exc.IntegrityError:
                return False
        return True

    def names(self) -> set[str]:
        """Who has set one."""
        with self.engine.connect() as connection:
            return set(connection.scalars(sa.select(passwords.c.name)))
