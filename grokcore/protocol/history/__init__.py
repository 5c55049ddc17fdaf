"""The use of the server over days: figures by fixed steps of time, of a bounded size."""
