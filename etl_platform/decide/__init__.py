"""Where to run, how big, how long and for how many dollars: deterministic, before a cent is spent."""
