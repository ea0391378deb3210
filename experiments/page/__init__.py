"""Results as one page that is explored in a browser, without a network and without a server."""
