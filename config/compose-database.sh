#!/bin/sh
# Makes the role and the database of Gatehouse when the container of compose.yaml is first started.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$POSTGRES_PASSWORD" -U postgres <<'SQL'
create role gatehouse login password :'password';
create database gatehouse owner gatehouse;
SQL
