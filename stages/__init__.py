"""The stages of the pipeline, a script for each kind."""

from friendfoe.runtime import startup

startup.begin()
