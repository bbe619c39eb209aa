"""Landing, bronze, silver and gold: one file a layer, and what a contract says about a table."""
