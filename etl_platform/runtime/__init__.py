"""What runs inside the process of a job on this machine; it imports nothing of the other rooms."""
