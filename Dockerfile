# docker build -t rag-embed .
# docker run --rm -p 127.0.0.1:8766:8766 -v "$PWD/kb:/kb" -e RAG_EMBED_TOKEN=a-secret-of-16-or-more-letters rag-embed
FROM python:3.12-slim

RUN useradd --create-home --uid 10001 rag
WORKDIR /src
COPY constraints.txt ./
RUN pip install --no-cache-dir -c constraints.txt torch
COPY pyproject.toml README.md LICENSE ./
COPY rag_embed rag_embed
RUN pip install --no-cache-dir -c constraints.txt '.[fast,offline,serve]'

USER rag
WORKDIR /home/rag
ENV HF_HUB_OFFLINE=1
EXPOSE 8766
HEALTHCHECK --start-period=60s CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8766/health')"]
ENTRYPOINT ["rag-embed", "serve", "--host", "0.0.0.0"]
CMD ["/kb"]
