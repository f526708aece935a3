"""Documents in, a better hybrid retriever out."""
