"""Networks found by name: each a module with `SMALLEST_SIDE` and `build(options, input_shape, class_count)`.

One with published weights says so by `PRETRAINED = True`, and its `build` starts from them for `weights: default`.
"""
