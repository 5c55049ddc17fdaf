"""Questions and answers in a form of our own: turns, attachments, events. Dialects and lanes meet
here.
"""
