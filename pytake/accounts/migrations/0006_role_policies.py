"""System roles may be read by every organization, and changed or deleted by none."""

from __future__ import annotations

from django.db import migrations

FORWARD = """
DROP POLICY tenant ON accounts_role;
CREATE POLICY tenant ON accounts_role
    USING (organization_id = (SELECT pytake_organization()) OR (SELECT pytake_is_platform()));
CREATE POLICY system_roles ON accounts_role FOR SELECT USING (organization_id IS NULL);
"""
BACKWARD = """
DROP POLICY system_roles ON accounts_role;
DROP POLICY tenant ON accounts_role;
CREATE POLICY tenant ON accounts_role
    USING (organization_id IS NULL OR organization_id = (SELECT pytake_organization()) OR (SELECT pytake_is_platform()))
    WITH CHECK (organization_id = (SELECT pytake_organization()) OR (SELECT pytake_is_platform()));
"""


class Migration(migrations.Migration):
    """Two policies instead of one."""

    dependencies = [("accounts", "0005_periodic_tasks")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
