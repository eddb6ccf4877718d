"""Dashboards: one module for each system, and their rendering."""
