"""Who argues: model providers, the policy model, guard rails, and one module an agent."""
