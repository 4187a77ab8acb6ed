"""For those who write plugins: contract suites to run against a driver of your own."""

__version__ = "0.1.0"
