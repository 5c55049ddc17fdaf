"""The benchmark: ``python3 -m bench`` from the project's folder."""
