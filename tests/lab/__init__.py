"""Tests over real networks: namespaces, shaped and cut links. They need root."""
