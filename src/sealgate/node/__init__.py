"""The DICOM node: listeners, associations, pipeline, delivery and service life cycle."""
