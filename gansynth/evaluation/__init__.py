"""Measures of pictures and labels; no devices, no flags."""
