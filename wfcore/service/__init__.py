"""The application: what is composed once, its services, and the HTTP server in front of them."""
