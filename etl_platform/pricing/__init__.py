"""What a run costs: the price book, billing rules, estimates, budgets, forecasts and anomalies."""
