"""Images: the content store, its layers, and the image made from this machine itself."""
