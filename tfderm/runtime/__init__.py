"""What runs a bundle: NumPy, Pillow and LiteRT, no TensorFlow."""
