"""MLflow: experiments, runs with their metrics, registered models. Plain REST, no client library."""

from __future__ import annotations

from typing import Any

from backends.fetch import Question, ask, call

API = "/api/2.0/mlflow"


def experiments() -> Question:
    """Experiments, the last changed first."""
    return ask(("mlflow", "experiments"), _experiments, 10)


def _experiments() -> list[dict[str, Any]]:
    body = {"max_results": 200, "order_by": ["last_update_time DESC"]}
    return call("mlflow", "POST", f"{API}/experiments/search", body=body).json().get("experiments", [])


def runs(experiment_ids: tuple[str, ...], limit: int = 100) -> Question:
    """The last runs of experiments, newest first."""
    return ask(("mlflow", "runs", experiment_ids, limit), lambda: _runs(experiment_ids, limit), 6)


def _runs(experiment_ids: tuple[str, ...], limit: int) -> list[dict[str, Any]]:
    if not experiment_ids:
        return []
    body = {
        "experiment_ids": list(experiment_ids),
        "max_results": limit,
        "order_by": ["attributes.start_time DESC"],
    }
    return [
        _plain(each)
        for each in call("mlflow", "POST", f"{API}/runs/search", body=body).json().get("runs", [])
    ]


def _plain(run: dict[str, Any]) -> dict[str, Any]:
    info, data = run["info"], run.get("data", {})
    start, end = info.get("start_time"), info.get("end_time")
    return {
        "id": info["run_id"],
        "experiment": info["experiment_id"],
        "name": info.get("run_name") or info["run_id"][:8],
        "status": info.get("status", ""),
        "user": info.get("user_id") or _pairs(data.get("tags")).get("mlflow.user", ""),
        "start": int(start) / 1000 if start else None,
        "seconds": (int(end) - int(start)) / 1000 if start and end else None,
        "metrics": _pairs(data.get("metrics")),
        "params": _pairs(data.get("params")),
    }


def _pairs(found: list[dict[str, Any]] | None) -> dict[str, Any]:
    return {each["key"]: each["value"] for each in found or []}


def models() -> Question:
    """Registered models with the newest version and aliases of each."""
    return ask(("mlflow", "models"), _models, 10)


def _models() -> list[dict[str, Any]]:
    said = call("mlflow", "GET", f"{API}/registered-models/search", params={"max_results": 200}).json()
    return said.get("registered_models", [])


def versions(model: str) -> Question:
    """Every version of a model, newest first."""
    return ask(("mlflow", "versions", model), lambda: _versions(model), 10)


def _versions(model: str) -> list[dict[str, Any]]:
    literal = model.replace("'", "''")
    params = {"filter": f"name='{literal}'", "max_results": 200, "order_by": "version_number DESC"}
    return (
        call("mlflow", "GET", f"{API}/model-versions/search", params=params).json().get("model_versions", [])
    )
