"""The command line: click, options, completion scripts, man pages, docs."""
