"""What the registrar is told, and the checks that come before it changes anything."""

from __future__ import annotations

import json
import multiprocessing
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datalab.errors import DataLabError
from datalab.layers.quality import CONTRACTS

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from datalab.lake import Lake

PRIORITIES = ("critical", "high", "normal", "low")


@dataclass(frozen=True)
class Pipeline:
    """One normalised definition, as it stands in pipelines.json."""

    name: str
    version: str
    summary: str
    entrypoint: str
    schedule: dict[str, Any] | None
    priority: str
    concurrency: int | None
    parameters: dict[str, Any]
    tags: tuple[str, ...]
    paused: bool
    definition: dict[str, Any]  # all of it: it travels in the bundle


def say(line: str) -> None:
    """One line per action."""
    print(line, flush=True)


def read_pipelines(file: Path) -> list[Pipeline]:
    """The pipelines of the file; what it lacks is named."""
    try:
        given = json.loads(file.read_text())["pipelines"]
    except FileNotFoundError:
        raise DataLabError(
            "E_PIPELINES_FILE_MISSING", f"there is no {file}", "set DATALAB_PIPELINES_FILE"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise DataLabError(
            "E_PIPELINES_FILE_INVALID", f'{file}: expected {{"pipelines": [...]}}: {error}'
        ) from error
    problems: list[str] = []
    pipelines: list[Pipeline] = []
    for each in given:
        name = each.get("name", "?")
        problems += [
            f"{name}.{field}: expected a text, received {each.get(field)!r}"
            for field in ("name", "version", "entrypoint")
            if not isinstance(each.get(field), str) or not each[field]
        ]
        if each.get("priority", "normal") not in PRIORITIES:
            problems.append(f"{name}.priority: expected one of {', '.join(PRIORITIES)}")
        if "/" in name or name.startswith("."):
            problems.append(f"{name}: cannot be a pipeline's name")
        pipelines.append(
            Pipeline(
                name=name,
                version=each.get("version", ""),
                summary=each.get("summary") or "",
                entrypoint=each.get("entrypoint", ""),
                schedule=each.get("schedule"),
                priority=each.get("priority") or "normal",
                concurrency=each.get("concurrency"),
                parameters=each.get("parameters") or {},
                tags=tuple(each.get("tags") or ()),
                paused=bool(each.get("paused", False)),
                definition=each,
            )
        )
    names = [p.name for p in pipelines]
    problems += [f"{name}: is there twice" for name in sorted({n for n in names if names.count(n) > 1})]
    if problems:
        raise DataLabError(
            "E_PIPELINES_FILE_INVALID", f"{file}: " + "; ".join(problems), "datalab config validate"
        )
    return pipelines


def check(
    pipelines: Sequence[Pipeline], folder: Path, known: Sequence[str] = ()
) -> dict[str, dict[str, Any]]:
    """Import every pipeline's flow and give its parameters' schema; all that are broken are named at once.

    `known` are problems that have been found before.
    """
    schemas: dict[str, dict[str, Any]] = {}
    problems = list(known)
    for pipeline in pipelines:
        answer = _in_child(pipeline, folder / pipeline.name)
        if "problem" in answer:
            problems.append(f"{pipeline.name}: {answer['problem']}")
        else:
            schemas[pipeline.name] = answer["schema"]
    if problems:
        raise DataLabError(
            "E_PIPELINE_INVALID",
            "nothing was registered, because of:\n  ✖ " + "\n  ✖ ".join(problems),
            "correct the pipeline's folder, then: datalab up",
        )
    return schemas


def _in_child(pipeline: Pipeline, folder: Path) -> dict[str, Any]:
    """In a process of its own: modules with the same name do not meet, a crash is only its own."""
    file = folder / pipeline.entrypoint.partition(":")[0]
    if not folder.is_dir():
        return {"problem": f"there is no folder {folder}"}
    if not file.is_file():
        return {"problem": f"entrypoint {pipeline.entrypoint}: there is no file {file}"}
    # Prefect is imported here once: the children get it by fork, not by another two seconds of imports.
    import prefect.flows  # noqa: F401

    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_describe, args=(pipeline, folder, theirs), daemon=True)
    child.start()
    theirs.close()
    try:
        answer: dict[str, Any] = ours.recv() if ours.poll(60) else {"problem": "its import takes over 60 s"}
    except EOFError:
        child.join(5)
        answer = {"problem": f"importing {pipeline.entrypoint} ended the process ({child.exitcode})"}
    finally:
        if child.is_alive():
            child.join(1)
        if child.is_alive():
            child.kill()
        child.join(5)
    return answer


def _describe(pipeline: Pipeline, folder: Path, answer: Connection) -> None:
    import os
    import sys

    try:
        from prefect.flows import load_flow_from_entrypoint
        from prefect.utilities.callables import parameter_schema

        os.chdir(folder)
        sys.path.insert(0, str(folder))
        sys.dont_write_bytecode = True
        flow = load_flow_from_entrypoint(pipeline.entrypoint, use_placeholder_flow=False)
        schema = parameter_schema(flow)
        if flow.name != pipeline.name:
            answer.send({"problem": f'its flow is named "{flow.name}": decorate it with @pipeline'})
            return
        known = set(schema.properties)
        unknown = sorted(set(pipeline.parameters) - known)
        if unknown:
            answer.send(
                {"problem": f"no parameter {', '.join(unknown)}; {pipeline.entrypoint} has {sorted(known)}"}
            )
            return
        flow.validate_parameters(
            {
                **{k: v["default"] for k, v in schema.properties.items() if "default" in v},
                **pipeline.parameters,
            }
        )
        _check_folder(folder)
        answer.send({"schema": schema.model_dump(mode="json")})
    except BaseException as error:  # noqa: BLE001 - whatever a pipeline's import does, it is told by its name
        error = getattr(error, "user_exc", error)  # Prefect wraps what a script raises
        here = (str(folder), pipeline.entrypoint.partition(":")[0])
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(here)]
        where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
        answer.send({"problem": f"{type(error).__name__}: {error}{where}"})
    finally:
        answer.close()


def _check_folder(folder: Path) -> None:
    """Contracts and gold SQL are read too: what is wrong in them is told now, not in the first run."""
    from datalab.layers.contract_check import check_contract
    from datalab.layers.quality import contract_for

    for path in sorted((folder / "contracts").glob("*.yaml")):
        check_contract(contract_for(path.stem, path.parent))
    if (folder / "gold").is_dir():
        from datalab.layers.gold import definitions

        definitions(folder / "gold")


def publish_contracts(lake: Lake, folder: Path, pipelines: Sequence[Pipeline]) -> None:
    """Put the contracts where the lake tool finds them: it runs where the pipelines' folders are not."""
    from pyarrow.fs import FileSelector

    wanted: dict[str, bytes] = {}
    for pipeline in pipelines:
        for path in sorted((folder / pipeline.name / "contracts").glob("*.yaml")):
            wanted.setdefault(path.name, path.read_bytes())
    base = lake.path("artifacts", CONTRACTS)
    try:
        there = {
            i.base_name for i in lake.fs.get_file_info(FileSelector(base, allow_not_found=True)) if i.is_file
        }
        for name in there - set(wanted):
            lake.fs.delete_file(f"{base}/{name}")
    except OSError as error:
        raise lake.unreachable(error) from error
    for name, body in wanted.items():
        lake.put("artifacts", f"{CONTRACTS}/{name}", body, "application/yaml")
