"""DataLab's lake library: settings, Delta tables, layers, quality, pipelines.

Nothing is imported here on purpose: the lake tool answers in a fraction of a second because it never
loads Prefect, and a flow imports only the layer it works on.
"""
