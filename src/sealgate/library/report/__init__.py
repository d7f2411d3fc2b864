"""The report of one verified file as a page that a browser opens offline, and the picture that stands in it."""
