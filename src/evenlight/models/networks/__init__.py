"""Networks found by name: each a module with `SMALLEST_SIDE` and `build(options, input_shape, class_count)`.

One with published weights says so by `PRETRAINED = True`, and its `build` starts from them for `weights: default`.
`WIDENS = True`: it heeds `width`; `NORMALIZES = True`: batch normalization follows every convolution that learns, as
Muon needs; `ONE_SIZE = True`: its layers fit images of one size only. `evenlight check` reads these constants as they
are written, without importing the module, so they are plain literals.
"""
