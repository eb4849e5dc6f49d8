"""Turns a delivery's bytes into events and rejections."""
