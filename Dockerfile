# The image of the server: `docker build -t workflow .`
# deploy/prove_image.py executes these very steps without a container engine.

FROM python:3.13.7-slim-trixie AS build
# npm fetches one package of the JavaScript engine, which the package's own build compiles.
RUN apt-get update \
    && apt-get install -y --no-install-recommends npm \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY setup.cfg pyproject.toml MANIFEST.in README.md LICENSE ./
COPY sdk/engine sdk/engine
COPY wfcore wfcore
COPY wfcore_plugins wfcore_plugins
RUN python -m venv --without-pip /opt/workflow \
    && python -m pip --python /opt/workflow/bin/python install --no-cache-dir .

FROM python:3.13.7-slim-trixie
# libseccomp is what the sandbox limits the system calls of plugins with.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libseccomp2 \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 7233 workflow \
    && useradd --uid 7233 --gid workflow --no-log-init --home-dir /var/lib/workflow --shell /usr/sbin/nologin workflow \
    && install --directory --owner=workflow --group=workflow --mode=0700 /var/lib/workflow
COPY --from=build /opt/workflow /opt/workflow
# Within its container it listens on all addresses; which of them is reachable from where, who publishes the port decides.
ENV PATH=/opt/workflow/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    WORKFLOW_SERVER_HOST=0.0.0.0
USER workflow
# Relative paths begin here: the data directory is /var/lib/workflow/data.
WORKDIR /var/lib/workflow
VOLUME /var/lib/workflow
EXPOSE 7233
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["workflow", "server", "status"]
ENTRYPOINT ["workflow"]
CMD ["server", "start"]
