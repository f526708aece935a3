"""Where documents, chunks and vectors live. The only place that imports LanceDB and Arrow."""

from rag_embed.stores._deferred import defer_package

# Importing LanceDB imports the client of a remote catalogue service, several hundred generated
# classes which take longer to load than all the rest together. Nothing here asks for them.
defer_package("lance_namespace_urllib3_client")
