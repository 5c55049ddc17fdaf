"""Features of APIs that Grok's web chat lacks, made of text: tools, stops, lengths, forms."""
