"""Where documents, chunks and vectors live. The only place that imports LanceDB and Arrow."""

import os

# LanceDB warns on stderr about every table it creates; only its errors concern a user.
os.environ.setdefault("LANCE_LOG", "error")
