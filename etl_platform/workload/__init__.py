"""What a job is about to do: its joins, its volume, its complexity."""
