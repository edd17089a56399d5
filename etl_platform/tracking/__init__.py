"""What happened: the records of six tables, and the stores that keep them."""
