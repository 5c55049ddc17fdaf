"""Recordings of Grok's streams with everything personal taken out."""
