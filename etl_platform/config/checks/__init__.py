"""What must hold beyond types: one file a concept; each check yields the problems of one job."""
