"""The whole verification of a data set as numbered facts, three outcomes and coverage."""
