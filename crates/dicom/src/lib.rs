//! DICOM objects to image and record types.
