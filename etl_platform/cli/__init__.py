"""The command `etl-platform`."""
