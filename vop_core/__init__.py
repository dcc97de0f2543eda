"""VoP Studio's package: Variational On-the-Fly Personalization, reconstructed [VOP]."""

__version__ = "0.1.0"
