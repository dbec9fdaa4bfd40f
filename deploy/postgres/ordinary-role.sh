#!/bin/sh
# Row-level security binds ordinary roles only, and the image's own user is a superuser.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$APP_PASSWORD" --username "$POSTGRES_USER" <<'SQL'
CREATE ROLE pytake LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB PASSWORD :'password';
CREATE DATABASE pytake OWNER pytake;
SQL
