"""Django settings. What differs between installations comes from the environment (`pytake/env.py`)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from pytake import back_office, env
from pytake.channel_settings import *  # noqa: F403  # a part of these settings, in a file of its own

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"

# --- Core -------------------------------------------------------------------------------------

DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.secret("SECRET_KEY")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
SITE_URL = env.text("SITE_URL", "http://127.0.0.1:8000")
HTTPS_ONLY = env.flag("HTTPS_ONLY", default=not SITE_URL.startswith("http://"))

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.sites",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "channels",
    "csp",
    "django_celery_beat",
    "django_filters",
    "django_htmx",
    "django_prometheus",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "import_export",
    "rest_framework",
    "template_partials",
    "pytake.accounts",
    "notifications",
    "conversations",
    "flows",
    "analytics",
]

MIDDLEWARE = [
    "pytake.accounts.middleware.RequestContextMiddleware",
    "pytake.infra.fast_lane.FastLaneMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "pytake.accounts.middleware.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "pytake.accounts.middleware.TenancyMiddleware",
    "pytake.accounts.middleware.BackOfficePolicyMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "pytake.urls"
WSGI_APPLICATION = "pytake.wsgi.application"
ASGI_APPLICATION = "pytake.asgi.application"
SITE_ID = 1
APPEND_SLASH = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEST_RUNNER = "django.test.runner.DiscoverRunner"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "libraries": {"ui": "pytake.page_tags"},
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "csp.context_processors.nonce",
                "pytake.accounts.context_processors.page",
            ],
        },
    }
]

# --- Data -------------------------------------------------------------------------------------

DATABASES: dict[str, Any] = {
    "default": {
        "ENGINE": "pytake.infra.postgresql",
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "TEST": {"NAME": env.text("TEST_DATABASE_NAME", "test_pytake")},
        **env.database("DATABASE_URL"),
    }
}
REDIS_URL = env.text("REDIS_URL")
# Prefix of every key and channel, so that installations and test runs can share a server.
REDIS_PREFIX = env.text("REDIS_PREFIX", "pytake")
CACHES: dict[str, Any] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": REDIS_PREFIX,
    }
}
CHANNEL_LAYERS: dict[str, Any] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": f"{REDIS_PREFIX}:channels"},
    }
}
ENCRYPTION_KEYS = env.words("ENCRYPTION_KEYS")
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

# --- Sign-in ----------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
# E-mail is unique without regard to case, by a constraint that this check does not see.
# axes.W006: accounts are locked whatever the address; addresses are limited by the API's own windows.
SILENCED_SYSTEM_CHECKS = ["auth.W004", "axes.W006"]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "pytake.accounts.passwords.CharacterClassesValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "pytake.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
# Strangers get no mail, whatever address somebody types.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
# Links in mails; their text says an hour.
PASSWORD_RESET_TIMEOUT = 3600
# Sign-in itself is counted by us (`rates.count_sign_in`) and by django-axes. The rest is allauth's: codes of the
# second factor, passwords asked for again, mails.
ACCOUNT_RATE_LIMITS = {
    "login": "",
    "login_failed": "5/30m/key",
    "reauthenticate": "5/5m/user",
    "change_password": "5/5m/user",
    "reset_password": "20/h/ip,5/h/key",
}
MFA_ADAPTER = "pytake.accounts.adapter.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "PyTake"
# Phones are seconds off, and people type slowly.
MFA_TOTP_TOLERANCE = 1
# Administrators give the addresses; a second factor must not wait for a confirmation.
MFA_ALLOW_UNVERIFIED_EMAIL = True
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=30)
AXES_LOCKOUT_PARAMETERS = ["username"]
AXES_USERNAME_CALLABLE = "pytake.accounts.lockout.username_of"
AXES_CLIENT_IP_CALLABLE = "pytake.infra.client.ip_of"
AXES_LOCKOUT_CALLABLE = "pytake.accounts.lockout.response"
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS_ONLY
CSRF_COOKIE_SECURE = HTTPS_ONLY
CSRF_COOKIE_SAMESITE = "Lax"
JWT_SIGNING_KEYS = env.words("JWT_SIGNING_KEYS", SECRET_KEY)
JWT_ACCESS_LIFETIME = timedelta(minutes=15)
JWT_REFRESH_LIFETIME = timedelta(days=7)

# --- Web security -----------------------------------------------------------------------------

SECURE_SSL_REDIRECT = False  # the proxy redirects
SECURE_HSTS_SECONDS = 31536000 if HTTPS_ONLY else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS_ONLY else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXY_COUNT", 0)
# Where browsers open the socket; empty = same origin (a proxy sends /api/v1/ws to `realtime`).
REALTIME_URL = env.text("REALTIME_URL", "")
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'", *([REALTIME_URL] if REALTIME_URL else [])],
        "font-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

UNFOLD = back_office.UNFOLD

# --- Language and time ------------------------------------------------------------------------

LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", _("Portuguese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "pytake" / "locale"]
FORMAT_MODULE_PATH = ["pytake.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- Static files -----------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(BASE_DIR / ".data" / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
# Served straight from the sources and the apps, so that no collectstatic is needed on one machine.
WHITENOISE_USE_FINDERS = env.flag("STATIC_FROM_SOURCES", default=True)
STORAGES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if WHITENOISE_USE_FINDERS
        else "pytake.infra.static_storage.HashedStaticFilesStorage"
    },
}
MEDIA_ROOT = Path(env.text("MEDIA_ROOT", str(BASE_DIR / ".data" / "media")))

# --- Mail -------------------------------------------------------------------------------------

EMAIL_BACKEND = env.text("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.integer("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=False)
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "PyTake <no-reply@localhost>")

# --- Work in the background -------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": f"{REDIS_PREFIX}:celery:",
    "visibility_timeout": 3600,
    # A broker that is away must not hold up a page or a webhook: whoever nudges tries once, and not for long.
    # Workers connect again by themselves, without end.
    "max_retries": 0,
    "socket_timeout": 1.0,
    "socket_connect_timeout": 0.5,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_TASK_DEFAULT_QUEUE = "maintenance"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "pytake.infra.beat:Scheduler"
CELERY_TIMEZONE = "UTC"
CELERY_TASK_ROUTES = {
    "conversations.process_webhooks": {"queue": "inbound"},
    "conversations.handle_messages": {"queue": "inbound"},
    "flows.fire_timers": {"queue": "inbound"},
    "conversations.send_messages": {"queue": "outbound"},
    "automations.*": {"queue": "automations"},
}

# --- API --------------------------------------------------------------------------------------

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "pytake.accounts.authentication.BearerAuthentication",
        "pytake.accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["pytake.accounts.access.HasRoutePermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "pytake.infra.paging.ListPagination",
    "DEFAULT_SCHEMA_CLASS": "pytake.infra.openapi.DocumentedSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_THROTTLE_CLASSES": ["pytake.accounts.rates.RequestRates"],
    "EXCEPTION_HANDLER": "pytake.errors.api_exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "PyTake",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "ENUM_NAME_OVERRIDES": {
        "RoleEnum": "pytake.accounts.models.users.User.Role",
        "MemberRoleEnum": "pytake.accounts.api.users.MEMBER_ROLES",
        "PresenceEnum": "pytake.accounts.models.users.User.Status",
        "TemplateCategoryEnum": "conversations.models.templates.WhatsAppTemplate.Category",
        "HealthEnum": "pytake.accounts.api.health.HEALTH",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "pytake.infra.openapi.complete",
    ],
}

# --- Observability ----------------------------------------------------------------------------

LOG_FORMAT = env.text("LOG_FORMAT", "console" if DEBUG else "json")
LOG_LEVEL = env.text("LOG_LEVEL", "INFO")
SENTRY_DSN = env.text("SENTRY_DSN", "")
METRICS_TOKEN = env.text("METRICS_TOKEN", "")
PROMETHEUS_EXPORT_MIGRATIONS = False
# Django calls the first with the second in every process (web, sockets, workers, commands).
LOGGING_CONFIG = "pytake.infra.observability.configure"
LOGGING = {"format": LOG_FORMAT, "level": LOG_LEVEL, "sentry_dsn": SENTRY_DSN, "release": VERSION}
