"""The signals and named queries of every system: one module each, found by walking this package."""
