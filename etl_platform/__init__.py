"""Every ETL job of a team declared in one `etl_config.json`, run and observed by Dagster."""
