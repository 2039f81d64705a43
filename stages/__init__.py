"""The stages of the pipeline, a script for each kind."""

import gc

# what modules define is no garbage: looking for it less often saves 0.2 s of every start
gc.set_threshold(50_000, 20, 50)
