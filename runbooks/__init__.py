"""Runbooks: the library, the document parser, the run engine and its journal, and the console."""
