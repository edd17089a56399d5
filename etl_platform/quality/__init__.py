"""What the data must be: rules, the engine that evaluates them in one scan, scores and quarantine."""
