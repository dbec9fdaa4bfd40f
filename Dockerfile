# One image for every process; docker-compose.yml says which one a container is.
FROM python:3.13-slim AS packages
RUN python -m venv /opt/venv
COPY requirements.txt /tmp/requirements.txt
RUN /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check -r /tmp/requirements.txt

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home /srv/pytake pytake && mkdir -p /srv/media /srv/metrics && chown pytake /srv/media /srv/metrics
COPY --from=packages /opt/venv /opt/venv
WORKDIR /srv/pytake
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=pytake.settings STATIC_FROM_SOURCES=false STATIC_ROOT=/srv/static MEDIA_ROOT=/srv/media
COPY manage.py ./
COPY pytake pytake
COPY notifications notifications
COPY conversations conversations
COPY flows flows
COPY automations automations
COPY analytics analytics
COPY templates templates
COPY static static
# Hashed names are made once, in the image. These values never serve a request.
RUN python -m compileall -q . && \
    DATABASE_URL=postgresql:///none REDIS_URL=redis://127.0.0.1:1/0 SECRET_KEY=only-for-collecting-files \
    ENCRYPTION_KEYS=b25seS1mb3ItcmVhZGluZy10aGUtY29kZS0zMmJ5dGU= python manage.py collectstatic --no-input -v 0
USER pytake
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "8", "--no-ws", "--log-level", "warning", "pytake.wsgi:application"]
