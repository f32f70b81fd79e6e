"""Controlled trainings that tell mechanisms apart."""
