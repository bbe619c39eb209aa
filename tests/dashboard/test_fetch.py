"""One backend that is slow or gone breaks only what it would have told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from conftest import Backend


def test_an_answer_is_asked_once_and_kept_for_its_time(
    configured: Callable[..., None], core: Backend
) -> None:
    from backends import core as questions
    from backends.fetch import gather

    configured(core=core.url)
    for _ in range(3):
        said = gather(a=questions.health(), b=questions.registry())
    assert core.asked.count("/health") == 1
    assert said["a"].error is None
    assert said["a"].value["services"]


def test_what_was_true_is_kept_with_its_age_when_the_backend_is_gone(
    configured: Callable[..., None], core: Backend
) -> None:
    from backends import core as questions
    from backends.fetch import forget, gather
    from look.parts import trouble

    configured(core=core.url)
    before = gather(a=questions.health())["a"]
    core.close()
    forget("core")
    after = gather(a=questions.health())["a"]
    assert after.value == before.value
    assert after.at == before.at
    assert after.error in ("it can't be reached", "the connection broke (RemoteProtocolError)")
    assert "What is shown was true" in trouble("core", after)


def test_a_service_that_is_not_part_of_the_stack_is_said_so(configured: Callable[..., None]) -> None:
    from backends import mlflow
    from backends.fetch import gather

    configured()
    assert gather(a=mlflow.models())["a"].error == "it is not part of this stack"


def test_nobody_waits_for_who_is_slow(configured: Callable[..., None]) -> None:
    from backends.fetch import ask, gather

    configured()
    release = threading.Event()
    began = time.monotonic()
    said = gather(0.2, slow=ask(("slow",), release.wait, 5), quick=ask(("quick",), lambda: 1, 5))
    release.set()
    assert time.monotonic() - began < 1
    assert said["slow"].waiting
    assert said["quick"].value == 1


def test_a_refusal_is_told_in_the_words_of_the_backend(
    configured: Callable[..., None], core: Backend
) -> None:
    from backends import core as questions
    from backends.fetch import gather

    core.answers["/registry"] = lambda: (500, {"error": {"code": "E", "message": "disk full"}})
    configured(core=core.url)
    assert gather(a=questions.registry())["a"].error == "it answered 500: disk full"
