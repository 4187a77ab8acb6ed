"""Secrets inside the kernel: keys, envelopes, the store of ciphertexts, sealed values, masks."""
