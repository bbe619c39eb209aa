"""The dashboard: `streamlit run app.py`. This file only says which pages there are; each loads what it needs itself."""

from __future__ import annotations

from importlib import import_module

import streamlit as st

from look.parts import show, style
from settings import SettingsError, settings

#: Module in `views`, title, icon, path.
PAGES = (
    ("overview", "Overview", "monitor_heart", ""),
    ("pipelines", "Pipelines", "account_tree", "pipelines"),
    ("lake", "Lake", "water", "lake"),
    ("models", "Models", "model_training", "models"),
    ("alerts", "Alerts", "notifications", "alerts"),
    ("logs", "Logs", "article", "logs"),
    ("resources", "Resources", "memory", "resources"),
    ("links", "Links", "apps", "links"),
)


def _page(module: str, title: str, icon: str, path: str) -> st.Page:  # type: ignore[valid-type]
    def run() -> None:
        import_module(f"views.{module}").page()

    run.__name__ = module
    return st.Page(run, title=title, icon=f":material/{icon}:", url_path=path, default=path == "")


def main() -> None:
    """Shows the page that is asked for."""
    st.set_page_config(page_title="DataLab", page_icon=":material/monitor_heart:", layout="wide")
    st.html(style())
    try:
        stack = settings().stack
    except SettingsError as error:
        st.error(str(error))
        return
    if st.query_params.get("check") is not None:
        import_module("views.self_check").page()
        return
    with st.sidebar:
        show(
            '<div class="dl-brand"><svg width="30" height="30" viewBox="0 0 30 30" aria-hidden="true">'
            '<rect width="30" height="30" rx="8" fill="var(--accent)"/><path d="M7 19.5c2.5-4 5 3 8-1.5s5 2.500 8-3'
            '" fill="none" stroke="var(--card)" stroke-width="2.2" stroke-linecap="round"/><path d="M7 12c2.5-4 5 '
            '3 8-1.500s5 2.500 8-3" fill="none" stroke="var(--card)" stroke-width="2.200" opacity=".6" '
            f'stroke-linecap="round"/></svg><div>DataLab<small>stack {stack}</small></div></div>'
        )
    st.navigation([_page(*each) for each in PAGES]).run()


main()
