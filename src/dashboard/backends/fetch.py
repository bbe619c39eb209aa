"""Answers of backends, shared by all visitors: bounded in time, asked once at a time, the last kept."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, replace
from typing import Any

import httpx

from settings import Backend, settings

#: The longest that a page waits for any backend, in seconds.
PATIENCE = 4.0
KEPT = 400

_pool = ThreadPoolExecutor(max_workers=12, thread_name_prefix="fetch")
_client = httpx.Client(
    timeout=httpx.Timeout(PATIENCE, connect=1.5),
    limits=httpx.Limits(max_connections=24, max_keepalive_connections=12, keepalive_expiry=30),
    headers={"user-agent": "datalab-dashboard"},
    trust_env=False,
)


class Unavailable(Exception):
    """A backend gave no usable answer; the text says which and why."""


@dataclass(frozen=True)
class Answer:
    """What a backend said last. `value` may be older than `error`: it is then what was true at `at`."""

    value: Any
    at: float
    error: str | None
    milliseconds: int
    waiting: bool = False

    @property
    def known(self) -> bool:
        """Whether it ever answered."""
        return self.at > 0

    @property
    def age(self) -> float:
        """Seconds since `value` was fetched."""
        return max(0.0, time.time() - self.at)


class _Entry:
    def __init__(self) -> None:
        self.answer: Answer | None = None
        self.tried = 0.0
        self.running: Future[Answer] | None = None


class Question:
    """Something that was asked; the answer may be there or still to come."""

    def __init__(self, entry: _Entry, running: Future[Answer] | None) -> None:
        self._entry = entry
        self._running = running

    def answer(self, patience: float = PATIENCE + 1.0) -> Answer:
        """The answer, waited for no longer than `patience` seconds: then what was known before."""
        if self._running is None:
            assert self._entry.answer is not None
            return self._entry.answer
        try:
            return self._running.result(timeout=patience)
        except FutureTimeout:
            before = self._entry.answer
            if before is not None and before.error is None:
                return replace(before, waiting=True)
            value, at = (before.value, before.at) if before else (None, 0.0)
            return Answer(value, at, f"no answer within {patience:g} s", round(patience * 1000), waiting=True)


_entries: OrderedDict[tuple[Any, ...], _Entry] = OrderedDict()
_lock = threading.Lock()


def ask(key: tuple[Any, ...], work: Callable[[], Any], ttl: float) -> Question:
    """Starts `work` unless its answer is younger than `ttl` seconds. Never raises: look at `Answer.error`."""
    now = time.monotonic()
    with _lock:
        entry = _entries.setdefault(key, _Entry())
        _entries.move_to_end(key)
        while len(_entries) > KEPT:
            _entries.popitem(last=False)
        if entry.running is None and (entry.answer is None or now - entry.tried >= ttl):
            entry.running = _pool.submit(_run, entry, work)
        return Question(entry, entry.running)


def _run(entry: _Entry, work: Callable[[], Any]) -> Answer:
    before = entry.answer
    started = time.perf_counter()
    try:
        value = work()
        ms = round((time.perf_counter() - started) * 1000)
        answer = Answer(value, time.time(), None, ms)
    except Exception as error:  # noqa: BLE001 - whatever a backend does, only its own box says so
        ms = round((time.perf_counter() - started) * 1000)
        answer = Answer(before.value if before else None, before.at if before else 0.0, explain(error), ms)
    with _lock:
        entry.answer = answer
        entry.tried = time.monotonic()
        entry.running = None
    return answer


def gather(patience: float = PATIENCE + 1.0, **questions: Question) -> dict[str, Answer]:
    """Answers to questions that were asked at the same time; no longer than `patience` for all of them."""
    end = time.monotonic() + patience
    return {name: each.answer(max(0.01, end - time.monotonic())) for name, each in questions.items()}


def forget(*prefix: Any) -> None:
    """Makes the next question with a key that begins so ask again, after something was changed."""
    with _lock:
        for key, entry in _entries.items():
            if key[: len(prefix)] == prefix:
                entry.tried = float("-inf")


def explain(error: Exception) -> str:
    """A failure in a few words, without addresses' credentials."""
    if isinstance(error, Unavailable):
        return str(error)
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return "it can't be reached"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {PATIENCE:g} s"
    if isinstance(error, httpx.HTTPError):
        return f"the connection broke ({type(error).__name__})"
    return f"an answer that can't be read ({type(error).__name__})"


def need(name: str) -> Backend:
    """The backend's settings, or the reason why there are none."""
    backend = settings().backend(name)
    if backend is None:
        raise Unavailable("it is not part of this stack")
    return backend


def call(
    name: str,
    method: str,
    path: str,
    *,
    params: Mapping[str, Any] | None = None,
    body: Any = None,
    form: Mapping[str, str] | None = None,
    accept: tuple[int, ...] = (),
) -> httpx.Response:
    """One request to a backend; an answer above 299 is a failure unless it is in `accept`."""
    backend = need(name)
    answer = _client.request(
        method,
        f"{backend.url}{path}",
        params=params,
        json=body,
        data=form,
        auth=backend.login,
    )
    if answer.status_code >= 300 and answer.status_code not in accept:
        raise Unavailable(f"it answered {answer.status_code}{_detail(answer)}")
    return answer


def _detail(answer: httpx.Response) -> str:
    try:
        said = answer.json()
    except ValueError:
        return ""
    if not isinstance(said, dict):
        return ""
    words = said.get("detail") or said.get("message") or said.get("error")
    if isinstance(words, dict):
        words = words.get("message")
    return f": {str(words)[:200]}" if words else ""
