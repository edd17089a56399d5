"""The language of `etl_config.json`: read, resolve, validate, explain."""
