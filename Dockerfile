# The sidecar's image: `docker build -t watchkeeper:0.1.0 .`
# Two stages, a user without a name, nothing to write to. For a build that is the same for ever, pin the base by digest:
#   docker build --build-arg PYTHON=3.13.1-slim-bookworm@sha256:… .
ARG PYTHON=3.13.1-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY watchkeeper watchkeeper
COPY collectors collectors
COPY dashboards dashboards
COPY alerts alerts
COPY detectors detectors
COPY runbooks runbooks
# By `--python`, so that the programs begin with that environment's Python: with `--prefix` it would be pip's own.
RUN python -m venv --without-pip /opt/watchkeeper \
 && pip --python /opt/watchkeeper/bin/python install --no-cache-dir --no-compile '.[sidecar]' \
 && find /opt/watchkeeper -name tests -type d -prune -exec rm -rf {} + \
 && /opt/watchkeeper/bin/python -m compileall -q /opt/watchkeeper/lib \
 && /opt/watchkeeper/bin/watchkeeper collect --help > /dev/null

FROM python:${PYTHON}
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY --from=build /opt/watchkeeper /opt/watchkeeper
# By number, so that Kubernetes can see that it is not root (runAsNonRoot).
USER 65532:65532
EXPOSE 9464
ENTRYPOINT ["/opt/watchkeeper/bin/watchkeeper"]
CMD ["collect", "--config", "/etc/watchkeeper/watchkeeper.yaml"]
