"""Where the card lives in each format: the ZIP tail of a .tflite, the metadata_props of an .onnx."""
