"""The model: a loaded artifact, its sessions and their state, and the probe of files of unknown origin."""
