"""Token files: read in all the forms that people have; a JSON object is edited."""
