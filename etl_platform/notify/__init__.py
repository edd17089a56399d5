"""Who is told: what happened to a job, and the targets that messages go to."""
