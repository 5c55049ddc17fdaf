"""Token files: read in all the forms that people have, and edited without loss."""
