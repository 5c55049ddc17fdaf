"""Answers, end to end: leases, attempts and clocks. No module here knows how any upstream
writes.
"""
