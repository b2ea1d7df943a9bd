"""The command lines that ``nlptool shards`` runs, and the processes that it runs them in."""
