"""What the data is: where it stands, its size, files, partitions and schema."""
