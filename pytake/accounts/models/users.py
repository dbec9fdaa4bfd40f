"""People who sign in."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from pytake.accounts import permissions
from pytake.infra import tenancy
from pytake.infra.tenant_models import Row

if TYPE_CHECKING:
    from pytake.accounts.models.organizations import Organization


class UserQuerySet(models.QuerySet["User"]):
    """Members of organizations."""

    def alive(self) -> UserQuerySet:
        """Leave out deleted users."""
        return self.filter(deleted_at__isnull=True)

    def visible_to(self, user: Any) -> UserQuerySet:
        """Return the colleagues of `user`; for super administrators those of the context's organization, else all."""
        if not user.is_authenticated:
            return self.none()
        organization_id = user.organization_id
        if user.is_super_admin:
            organization_id = tenancy.current_organization_id()
            if organization_id is None:
                return self.alive()
        return self.alive().filter(organization_id=organization_id)


class UserManager(BaseUserManager["User"]):
    """Creates users; e-mail is the name to sign in with.

    Not tenant-guarded: signing in must find a user before any organization is known. Pages and the
    API reach users through `visible_to` only.
    """

    def get_queryset(self) -> UserQuerySet:
        """Return the queryset with the named subsets."""
        return UserQuerySet(self.model, using=self._db)

    def alive(self) -> UserQuerySet:
        """Leave out deleted users."""
        return self.get_queryset().alive()

    def visible_to(self, user: Any) -> UserQuerySet:
        """Return the colleagues of `user`."""
        return self.get_queryset().visible_to(user)

    def get_by_natural_key(self, username: str | None) -> User:
        """Find by e-mail without regard to case."""
        return self.get_queryset().alive().get(email__iexact=username)

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a member; `organization` and `role` are among the fields."""
        user: User = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.password_changed_at = timezone.now() if password else None
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a platform operator, who belongs to no organization."""
        return self.create_user(email, password, role=User.Role.SUPER_ADMIN, **fields)


class User(AbstractBaseUser, Row):
    """A person who signs in. Belongs to one organization, unless a platform operator."""

    class Role(models.TextChoices):
        """System roles; each is a bundle of permissions (`pytake.accounts.permissions`)."""

        SUPER_ADMIN = "super_admin", _("Platform operator")
        ORG_ADMIN = "org_admin", _("Administrator")
        AGENT = "agent", _("Agent")
        VIEWER = "viewer", _("Viewer")

    class Status(models.TextChoices):
        """Presence of an agent."""

        ONLINE = "online", _("Online")
        AWAY = "away", _("Away")
        BUSY = "busy", _("Busy")
        OFFLINE = "offline", _("Offline")

    class StatusSource(models.TextChoices):
        """Who decided the status; a manual one wins until it is changed."""

        AUTO = "auto", _("Automatic")
        MANUAL = "manual", _("Manual")

    organization = models.ForeignKey(
        "accounts.Organization",
        on_delete=models.CASCADE,
        related_name="users",
        null=True,
        blank=True,
        verbose_name=_("organization"),
    )
    organization_id: uuid.UUID | None
    email = models.EmailField(_("e-mail"), max_length=254)
    email_verified_at = models.DateTimeField(null=True, blank=True, editable=False)
    full_name = models.CharField(_("full name"), max_length=150)
    phone = models.CharField(_("phone"), max_length=32, blank=True)
    bio = models.TextField(_("bio"), blank=True)
    language = models.CharField(_("language"), max_length=8, blank=True)
    timezone = models.CharField(_("time zone"), max_length=64, blank=True)
    preferences = models.JSONField(default=dict, blank=True)

    role = models.CharField(_("role"), max_length=16, choices=Role, default=Role.AGENT)
    is_active = models.BooleanField(_("active"), default=True)
    password_changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_login_ip = models.GenericIPAddressField(null=True, blank=True, editable=False)

    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.OFFLINE)
    status_source = models.CharField(max_length=8, choices=StatusSource, default=StatusSource.AUTO)
    status_changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_seen_at = models.DateTimeField(null=True, blank=True, editable=False)
    agent_greeting_message = models.TextField(_("greeting"), blank=True)
    max_conversations = models.PositiveSmallIntegerField(_("conversations at a time"), null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    # What the credentials in use allow at most (scopes of an API token); None = everything the person may.
    limited_to: frozenset[str] | None = None

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["full_name"]

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            models.UniqueConstraint(Lower("email"), name="accounts_user_email_once"),
            models.CheckConstraint(
                condition=Q(organization__isnull=False) | Q(role="super_admin"),
                name="accounts_user_belongs_to_an_organization",
            ),
            models.CheckConstraint(
                condition=~Q(role="super_admin") | Q(organization__isnull=True),
                name="accounts_user_super_admin_belongs_to_none",
            ),
            models.CheckConstraint(
                condition=Q(role__in=["super_admin", "org_admin", "agent", "viewer"]),
                name="accounts_user_role_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.full_name or self.email

    @property
    def is_super_admin(self) -> bool:
        """Whether this is a platform operator."""
        return self.role == self.Role.SUPER_ADMIN

    @property
    def is_staff(self) -> bool:
        """Whether the admin is open to this person (Django asks)."""
        return self.role in {self.Role.SUPER_ADMIN, self.Role.ORG_ADMIN}

    @property
    def is_superuser(self) -> bool:
        """Django's word for `is_super_admin`."""
        return self.is_super_admin

    @cached_property
    def permission_codes(self) -> frozenset[str]:
        """All permission codes: those of the system role, plus those of custom roles."""
        bundle = permissions.bundle(self.role)
        if self.is_super_admin or not self.pk:
            return bundle
        return bundle | permissions.custom_codes(self)

    def can(self, code: str) -> bool:
        """Return whether the person has permission `code`, such as `contacts.edit`."""
        if self.limited_to is not None and code not in self.limited_to:
            return False
        return self.is_active and (self.is_super_admin or code in self.permission_codes)

    def has_perm(self, perm: str, obj: object | None = None) -> bool:
        """Django's model permissions, as the admin asks for them, in our words (see `permissions`)."""
        return self.is_active and (self.is_super_admin or permissions.allows_django_perm(self, perm))

    def has_perms(self, perm_list: Any, obj: object | None = None) -> bool:
        """Return whether all are held."""
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        """Return whether the admin shows this app."""
        return self.is_active and self.is_staff

    def get_full_name(self) -> str:
        """Return the name shown to colleagues."""
        return self.full_name or self.email

    def get_short_name(self) -> str:
        """Return the first name."""
        return self.full_name.split(" ")[0] if self.full_name else self.email

    def acting_organization(self) -> Organization | None:
        """Return the person's own organization (None for platform operators)."""
        return self.organization
