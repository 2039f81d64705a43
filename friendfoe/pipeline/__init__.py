"""Running the pipeline with DVC: what it needs, what an earlier run left in its way, and what is to be run."""
