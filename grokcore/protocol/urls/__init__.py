"""URLs that clients and owners name: which are public, and how a proxy is written."""
