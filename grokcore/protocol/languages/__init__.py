"""Languages of messages: which one a reader wants, and a catalogue of translations."""
