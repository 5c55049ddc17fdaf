"""The tests: ``python3 -m tests`` makes their environment and runs them; arguments go to pytest."""
