"""Checks of pix2pixHD."""

from gansynth.parity import label_networks

CHECKS = {
  "generator_forward": label_networks.pix2pixhd_generator,
  "discriminator_forward": label_networks.pix2pixhd_discriminator,
  "encoder_forward": label_networks.instance_encoder,
}
