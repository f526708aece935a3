"""Where documents, chunks and vectors live. The only place that imports LanceDB and Arrow."""
