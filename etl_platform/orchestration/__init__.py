"""Dagster: assets, checks, schedules and what happens in a step."""
