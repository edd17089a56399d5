"""Under which id the answers are kept that are about a run which has none yet."""


def next_run(job_id: str) -> str:
    """The execution id that stands for the next run of a job."""
    return f"next-run/{job_id}"
