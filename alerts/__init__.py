"""Alerts: one module for each system, and the rules and routing made from them."""
