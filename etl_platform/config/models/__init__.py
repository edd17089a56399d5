"""The typed form of the configuration language: one file a section."""
