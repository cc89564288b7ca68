"""Detection: boxes, classes and key points out of a detector's outputs, in pixels of the source."""
