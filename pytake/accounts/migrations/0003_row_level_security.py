"""Second wall of the tenancy: SQL functions that guard tables, and the guard on this app's tables.

`pytake_guard_table(table)` turns on forced row-level security for a table with `organization_id`,
and replaces its foreign keys to other guarded tables by composite ones on (organization_id, id), so
that no row can point into another organization. `pytake_append_only(table, updatable columns)`
refuses DELETE, and UPDATE of any other column. Both may be called again after later changes.

The session variable `app.organization_id` holds an organization's id, '*' (platform scope), or ''.
"""

from __future__ import annotations

from django.db import migrations

FUNCTIONS = r"""
CREATE FUNCTION pytake_organization() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN current_setting('app.organization_id', true) IN ('', '*') THEN NULL
                ELSE current_setting('app.organization_id', true)::uuid END
$$;

CREATE FUNCTION pytake_is_platform() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(current_setting('app.organization_id', true) = '*', false)
$$;

CREATE FUNCTION pytake_guard_table(guarded text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    nullable boolean;
    link record;
BEGIN
    SELECT NOT attnotnull INTO STRICT nullable FROM pg_attribute
        WHERE attrelid = guarded::regclass AND attname = 'organization_id';
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = guarded::regclass AND attname = 'id')
       AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = guarded::regclass AND conname = guarded || '_tenant_key')
    THEN
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I UNIQUE (organization_id, id)', guarded, guarded || '_tenant_key');
    END IF;
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', guarded);
    EXECUTE format('DROP POLICY IF EXISTS tenant ON %I', guarded);
    EXECUTE format(
        'CREATE POLICY tenant ON %I USING (organization_id = (SELECT pytake_organization()) OR (SELECT pytake_is_platform()))',
        guarded);
    FOR link IN
        SELECT con.conname, att.attname, con.confrelid::regclass::text AS target
        FROM pg_constraint con
        JOIN pg_attribute att ON att.attrelid = con.conrelid AND att.attnum = con.conkey[1]
        WHERE con.conrelid = guarded::regclass AND con.contype = 'f' AND array_length(con.conkey, 1) = 1
          AND EXISTS (SELECT FROM pg_constraint target WHERE target.conrelid = con.confrelid
                      AND target.conname = con.confrelid::regclass::text || '_tenant_key')
    LOOP
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', guarded, link.conname);
        EXECUTE format(
            'ALTER TABLE %I ADD CONSTRAINT %I FOREIGN KEY (organization_id, %I) REFERENCES %I (organization_id, id) DEFERRABLE INITIALLY DEFERRED',
            guarded, link.conname, link.attname, link.target);
    END LOOP;
END
$$;

CREATE FUNCTION pytake_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('app.privacy', true), '') = 'on' THEN
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

-- The trigger is declared on the columns that must not change, so that statements which set only
-- updatable ones never call it.
CREATE FUNCTION pytake_append_only(guarded text, VARIADIC updatable text[] DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    frozen text;
BEGIN
    SELECT string_agg(quote_ident(attname), ', ') INTO frozen FROM pg_attribute
        WHERE attrelid = guarded::regclass AND attnum > 0 AND NOT attisdropped AND attname <> ALL (updatable);
    EXECUTE format('DROP TRIGGER IF EXISTS append_only ON %I', guarded);
    EXECUTE format(
        'CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OF %s ON %I FOR EACH ROW EXECUTE FUNCTION pytake_refuse_change()',
        frozen, guarded);
END
$$;
"""

DROP = """
DROP FUNCTION pytake_append_only(text, text[]);
DROP FUNCTION pytake_refuse_change() CASCADE;
DROP FUNCTION pytake_guard_table(text);
DROP FUNCTION pytake_is_platform() CASCADE;
DROP FUNCTION pytake_organization() CASCADE;
"""

GUARD = """
SELECT pytake_guard_table(name) FROM unnest(ARRAY[
    'accounts_apitoken', 'accounts_auditentry', 'accounts_failedjob', 'accounts_idempotencyrecord',
    'accounts_usagecounter', 'accounts_userrole'
]) AS name;
SELECT pytake_append_only('accounts_auditentry');

-- System roles belong to nobody and are read by everybody.
ALTER TABLE accounts_role ENABLE ROW LEVEL SECURITY;
ALTER TABLE accounts_role FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON accounts_role
    USING (organization_id IS NULL OR organization_id = (SELECT pytake_organization()) OR (SELECT pytake_is_platform()))
    WITH CHECK (organization_id = (SELECT pytake_organization()) OR (SELECT pytake_is_platform()));
"""


class Migration(migrations.Migration):
    """Guard functions and the accounts tables."""

    dependencies = [("accounts", "0002_initial")]

    operations = [
        migrations.RunSQL(FUNCTIONS, DROP),
        migrations.RunSQL(GUARD, migrations.RunSQL.noop),
    ]
