"""From records to batches: decode, resize, augment, targets, pairs, splits."""

from tfderm.pipeline.images import ImageStore, image_batches, input_batches, load_images
from tfderm.pipeline.location_maps import location_maps

__all__ = ["ImageStore", "image_batches", "input_batches", "load_images", "location_maps"]
