"""Data quality rules of AWS Glue (DQDL) over frames, written from the public documentation alone."""
