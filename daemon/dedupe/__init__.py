"""Recognises what was handled before."""
