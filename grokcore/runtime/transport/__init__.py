"""HTTP requests: the seam that everything above uses, libcurl behind it, and recordings of
responses.
"""
