"""One module a backend: it asks, and gives back plain values. No Streamlit in here."""
