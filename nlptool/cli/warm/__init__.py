"""The warm server: open models stay open between commands.

A command line whose command needs a model is sent to a server of the same user over a Unix socket, if there is one, and runs
there; who typed it sees no difference but the time. ``client`` is what the console script runs then: it passes its descriptors,
hands on what the command writes, and runs the command line itself, cold, where no server takes it or the server dies. ``front``
is the server's process that waits and never computes, and ``worker`` a process of it that runs one command line at a time with
the models that are open in it.
"""
