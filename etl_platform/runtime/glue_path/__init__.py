"""The folder that a job's process finds `awsglue` and `awsgluedq` in, where AWS's own are not installed."""
