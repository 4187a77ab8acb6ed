"""Plugin packages: manifest, archive, permissions, and the broker that enforces them."""
