"""Checks of pix2pixHD."""

from gansynth.parity import label_networks, label_steps

CHECKS = {
  "generator_forward": label_networks.pix2pixhd_generator,
  "discriminator_forward": label_networks.pix2pixhd_discriminator,
  "encoder_forward": label_networks.instance_encoder,
  "train_steps": label_steps.pix2pixhd_steps,
}
