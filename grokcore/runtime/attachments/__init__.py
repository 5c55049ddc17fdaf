"""Pictures and files that a request brings or refers to: fetched and loaded before Grok is
asked.
"""
