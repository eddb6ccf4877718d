"""The front door: the command line, `up` and `demo`; it loads the other packages by name, when asked."""
