"""The HTTP resources, one module for each noun; each method only reads, calls a service and writes."""
