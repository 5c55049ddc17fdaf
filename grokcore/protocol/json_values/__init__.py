"""JSON that a model or a client wrote: read mildly, and held against JSON schemas."""
