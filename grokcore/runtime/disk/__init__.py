"""All that is written to or watched on the disk."""
