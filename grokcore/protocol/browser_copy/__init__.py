"""Requests that a browser copied as a command: for bash, for cmd.exe, for PowerShell."""
