"""``nlptool serve``: commands over HTTP, and embeddings and completions in the shape of OpenAI's API.

``server`` starts uvicorn and, beside it, a warm server of its own (``warm_front``), whose processes run the commands. ``app`` has
the routes; ``guard`` stands before all of them: it checks who asks, and how much and how long. ``command_lines`` makes the
command line of a request, and refuses options that name files of the server; ``command_route`` runs it, by ``runs``, a client of
the warm server. ``openai_routes`` answers from models that are open in this process: ``batches`` gathers the texts of several
requests for one of the ``encoders``, and ``generators`` complete texts.
"""
