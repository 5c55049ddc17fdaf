"""The ways to ask Grok, a package each. A lane knows its upstream's wire; completions and the pool
do not.
"""
