"""Networks found by name: each a module with `SMALLEST_SIDE` and `build(options, input_shape, class_count)`."""
