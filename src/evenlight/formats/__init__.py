"""Readers of the accepted image formats: bytes -> `Picture`, or `Quarantine` with a reason."""
