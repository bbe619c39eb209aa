"""What makes Prefect run the pipelines: the registrar, and what stands around a worker."""
