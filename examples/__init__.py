"""Examples that run: not part of the distribution."""
