"""One module a page, with a function `page`. Loaded when the page is opened."""
