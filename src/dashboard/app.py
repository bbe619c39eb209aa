"""The dashboard: `streamlit run app.py`. Says which pages there are; each loads what it needs itself."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import streamlit as st

from look.formatting import text
from look.parts import show, style
from settings import SettingsError, settings

#: An own file: the icons that Streamlit offers for tabs come from a public site.
ICON = Path(__file__).with_name("look") / "icon.svg"
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
    st.set_page_config(page_title="DataLab", page_icon=str(ICON), layout="wide")
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
        mark = ICON.read_text(encoding="utf-8").replace(
            "<svg ", '<svg width="30" height="30" aria-hidden="true" '
        )
        show(
            f'<div class="dl-brand">{mark.strip()}<div>DataLab<small>stack {text(stack)}</small></div></div>'
        )
    st.navigation([_page(*each) for each in PAGES]).run()


main()
