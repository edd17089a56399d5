"""What the law says: personal data, and the controls that it asks for."""
