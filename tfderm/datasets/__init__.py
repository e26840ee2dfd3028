"""Where images and their labels come from: manifests, publishers' layouts, class folders, synthetic sets."""
