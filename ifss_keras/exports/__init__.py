"""Masks and data sets as other programs take them: surfaces of muscles, and nnU-Net's raw data sets."""
