# vigild as an image: docker build -t vigild .
# The first stage installs from the lock files, hashes checked, into /opt/vigild; the second is a slim Python with that
# folder, a numeric user and nothing else. Works with a read-only root file system: only /var/lib/vigild is written to.

ARG PYTHON=3.14
FROM docker.io/library/python:${PYTHON}-slim-trixie AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_INPUT=1
WORKDIR /src

# Dependencies first: this layer is kept while the lock files stay as they are.
COPY requirements/run.txt requirements/build.txt requirements/
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --no-deps --only-binary :all: -r requirements/build.txt \
    && python -m venv --without-pip /opt/vigild \
    && /opt/build/bin/pip --python /opt/vigild/bin/python install \
        --require-hashes --no-deps --only-binary :all: -r requirements/run.txt

COPY pyproject.toml README.md ./
COPY config/rules config/rules
COPY daemon daemon
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/build/bin/pip --python /opt/vigild/bin/python install --no-deps --no-index /dist/*.whl \
    && install --directory --owner 65532 --group 65532 --mode 0700 /state


FROM docker.io/library/python:${PYTHON}-slim-trixie

LABEL org.opencontainers.image.title="vigild" \
      org.opencontainers.image.description="Watches an AWS estate: reads its events, matches rules, alerts, loses nothing."

# TMPDIR: SQLite and Python put temporary files where writing is allowed.
ENV PATH="/opt/vigild/bin:${PATH}" \
    PYTHONDONTWRITEBYTECODE=1 \
    TMPDIR=/var/lib/vigild

COPY --from=build /opt/vigild /opt/vigild
COPY --from=build --chown=65532:65532 /state /var/lib/vigild
COPY config/rules /etc/vigild/rules
COPY config/playbooks /etc/vigild/playbooks

# A number, so that Kubernetes can see that it is not root (runAsNonRoot).
USER 65532:65532
WORKDIR /var/lib/vigild
# After its owner is set: a fresh volume takes over owner and mode of the folder it covers.
VOLUME /var/lib/vigild
EXPOSE 9464/tcp
STOPSIGNAL SIGTERM

# There is no curl in this image; http.client heeds no proxy settings. 503 means that the event loop is stuck.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-I", "-S", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 9464, timeout=2); c.request('GET', '/livez'); raise SystemExit(c.getresponse().status != 200)"]

# Exec form: vigild is process 1 itself and gets SIGTERM. It drains for up to 25 s, so stop it with a longer timeout.
ENTRYPOINT ["vigild"]
CMD ["run", "--config", "/etc/vigild/vigild.yaml"]
