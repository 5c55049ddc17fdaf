"""Questions and answers in nobody's dialect: turns, attachments, events. Dialects and lanes share
these words.
"""
