"""xcat-hamn, the administrator's tool.

A verb is one module here, registered in ``verbs.VERBS`` and imported only when it is called.  Its
``command`` is a Typer command that returns an exit code; it may raise any HamnError, which
``main`` turns into one sentence on stderr and an exit code of ``exits``.
"""
