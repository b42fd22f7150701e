#!/usr/bin/env bash
# Run by the image when the data is new: the collector's user, who owns its database and nothing else.
set -euo pipefail
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres <<'SQL'
\getenv user DB_USER
\getenv password DB_PASS
\getenv database DB_NAME
CREATE ROLE :"user" LOGIN PASSWORD :'password';
CREATE DATABASE :"database" OWNER :"user";
SQL
