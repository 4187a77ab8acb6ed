"""A third party's plugins: they import of the kernel only ``wfcore.api``."""
