"""How to run a job: one driver, one file for each platform."""
