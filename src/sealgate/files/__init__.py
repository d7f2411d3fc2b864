"""Files of this computer: DICOM files in and out, keys and certificates, scratch space, and what goes wrong there."""
