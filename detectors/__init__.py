"""Detectors: one module for each system, and the algorithms behind them."""
