"""The triggers that come with the product: by hand, by the clock, by a web request."""
