"""Many files, one output file a shard: the plan, the manifest and the run; see ``run``."""
