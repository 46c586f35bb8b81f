"""The one settings file. A difference between machines is an environment variable; .env.example explains each."""

import hashlib
from datetime import timedelta
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
environ.Env.read_env(BASE_DIR / ".env")

# Without any environment the code stands on a developer's machine: DEBUG on, the demo database, loopback only.
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))).expanduser().resolve()
# What `make serve` made for the shop in that folder: DEBUG off, and its keys. So every command that is given the folder
# speaks to that shop.
environ.Env.read_env(DATA_DIR / "shop.env")
DEBUG = env.bool("DEBUG", default=True)
DATA_DIR.mkdir(parents=True, exist_ok=True)
# Where `make serve` listens.
HOST = env.str("HOST", default="127.0.0.1")

DEVELOPMENT_SECRET = "development-only-secret"  # noqa: S105  (named so that it is recognised)
SECRET_KEY = env.str("SECRET_KEY", default=DEVELOPMENT_SECRET if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured("SECRET_KEY is missing. Set it in the environment or in .env (see .env.example).")
# Phones, e-mails and addresses are found by a keyed hash. Changing this key makes all of them unfindable,
# so it is kept apart from SECRET_KEY, which may be rotated.
CONTACT_HASH_KEY = hashlib.sha256(env.str("CONTACT_HASH_KEY", default=SECRET_KEY).encode()).digest()

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_tasks",
    "django_tasks_db",
    "crm_site",
    "messaging",
    "blocklist",
    "customers",
]

MIDDLEWARE = [
    "crm_site.middleware.StrictPagesMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "crm_site.middleware.BodyLimitMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "crm_site.middleware.PresenceMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "crm_site.urls"
WSGI_APPLICATION = "crm_site.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "customers.admin.notifications.bell",
            ],
        },
    }
]

# Database -----------------------------------------------------------------------------------------------------------
DATABASE_FILE = DATA_DIR / ("demo.sqlite3" if DEBUG else "shop.sqlite3")
DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{DATABASE_FILE}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE: a transaction takes the write lock when it begins, so it never fails half-way with "database is
    # locked", and writers stand one after another, which the gate and the claims rely on.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=20000;"
        " PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-64000; PRAGMA mmap_size=268435456;"
        " PRAGMA wal_autocheckpoint=10000;",
    }
    # A file, not memory: the tests with parallel connections need the real locks.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # The queries of busy doors (customers.prepared) are planned once for each connection.
    DATABASES["default"]["OPTIONS"] = {"prepare_threshold": 0}
# Opening a connection for each request costs more than the purchase gate's whole answer, on SQLite too.
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Rows that one write transaction of a long job may touch: SQLite has one writer, and the panel waits for it.
WRITE_BATCH = env.int("WRITE_BATCH", default=20_000 if "postgresql" in DATABASES["default"]["ENGINE"] else 1_000)

# Cache, background work ---------------------------------------------------------------------------------------------
REDIS_URL = env.str("REDIS_URL", default="")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}
TASKS_BACKEND = env.str("TASKS_BACKEND", default="database")
if TASKS_BACKEND == "rq":
    if not REDIS_URL:
        raise ImproperlyConfigured("TASKS_BACKEND=rq needs REDIS_URL.")
    INSTALLED_APPS += ["django_rq"]
    RQ_QUEUES = {"default": {"URL": REDIS_URL}}
    TASKS = {"default": {"BACKEND": "django_tasks_rq.RQBackend", "QUEUES": ["default"]}}
elif TASKS_BACKEND == "database":
    TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default"]}}
else:
    raise ImproperlyConfigured("TASKS_BACKEND must be 'database' or 'rq'.")

# People -------------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "customers.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Browsers come by https, through a proxy. That a request did, gunicorn believes of the proxies in FORWARDED_ALLOW_IPS
# (by default those on this machine); Django's SECURE_PROXY_SSL_HEADER would believe anybody.
HTTPS = env.bool("HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # asked on this machine, without the proxy
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=86_400) if HTTPS else 0
# What other names of the domain do, and whether browsers are shipped knowing it, is not this shop's to decide.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

# Language, time, money ----------------------------------------------------------------------------------------------
USE_I18N = True
LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="en")
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
# Named here, our own words stand before those that Django's apps have for "group" or "name".
LOCALE_PATHS = [BASE_DIR / app / "locale" for app in ("crm_site", "customers", "blocklist", "messaging")]
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="Asia/Shanghai")
CURRENCY = env.str("CURRENCY", default="CNY")
PHONE_REGION = env.str("PHONE_REGION", default="CN")

# Reception ----------------------------------------------------------------------------------------------------------
# A message within this time after an inquiry was closed continues it; a later one opens a new inquiry.
INQUIRY_CONTINUES_FOR = timedelta(hours=env.float("INQUIRY_CONTINUES_HOURS", default=24))
# Whoever first answers the inquiry of a customer without an exclusive agent becomes that agent.
BIND_ON_FIRST_ANSWER = env.bool("BIND_ON_FIRST_ANSWER", default=True)
# An agent whom the panel has not seen for so long is set offline; 0: nobody is. Who was never seen there (he works with
# a chat tool and the API) stays as he is.
AGENT_IDLE_AFTER = timedelta(minutes=env.float("AGENT_IDLE_MINUTES", default=30))
# How long an agent does not receive a customer whom he has muted.
MUTE_FOR = timedelta(days=env.float("MUTE_DAYS", default=7))
# Seconds after which the desk warns that a buyer still waits for an answer.
FIRST_REPLY_WARNING_SECONDS = env.int("FIRST_REPLY_WARNING_SECONDS", default=100)
# A file in a conversation is at most this large.
ATTACHMENT_BYTES = env.int("ATTACHMENT_MEGABYTES", default=5) * 1_000_000
# For how long a customer may change his rating of an inquiry.
RATING_CHANGES_FOR = timedelta(days=env.int("RATING_CHANGES_DAYS", default=7))

# What agents see of the customers of other agents: "all" (see and change), "read" (see), "own" (neither).
AGENTS_SEE_CUSTOMERS = env.str("AGENTS_SEE_CUSTOMERS", default="all")
if AGENTS_SEE_CUSTOMERS not in ("all", "read", "own"):
    raise ImproperlyConfigured("AGENTS_SEE_CUSTOMERS must be 'all', 'read' or 'own'.")

# The database refuses to change or delete rows of the audit. Only off to try things, such as `manage.py flush`.
APPEND_ONLY_TRIGGERS = env.bool("APPEND_ONLY_TRIGGERS", default=True)

# Blocklist ----------------------------------------------------------------------------------------------------------
# A ban of a customer of this level or higher is shown to a manager, who confirms it within so many hours.
BAN_CONFIRMED_FROM_LEVEL = env.int("BAN_CONFIRMED_FROM_LEVEL", default=3)
BAN_CONFIRMED_WITHIN = timedelta(hours=env.float("BAN_CONFIRMED_WITHIN_HOURS", default=24))
# More bans than this at once wait for a second person.
BANS_AT_ONCE = env.int("BANS_AT_ONCE", default=20)
# A ban request that nobody has answered for so long is shown to the next manager.
BAN_REQUEST_SHOWN_FOR = timedelta(hours=env.float("BAN_REQUEST_SHOWN_HOURS", default=2))
# For how long a bulk ban or lift can be undone.
BULK_BAN_UNDONE_WITHIN = timedelta(minutes=env.float("BULK_BAN_UNDONE_WITHIN_MINUTES", default=30))
# A held order that nobody has decided on for so long is released; 0: it waits for a person for as long as it takes.
ORDERS_HELD_FOR = timedelta(hours=env.float("ORDERS_HELD_HOURS", default=12))
# An address of more customers than this (a pick-up station, a dormitory) names nobody.
ADDRESS_OF_AT_MOST = env.int("ADDRESS_OF_AT_MOST", default=3)
# A phone, an e-mail or a nick of more customers than this (a forwarder, a made-up value) proposes no account link.
CONTACT_OF_AT_MOST = env.int("CONTACT_OF_AT_MOST", default=20)
# A piece of evidence is at most this large.
EVIDENCE_BYTES = env.int("EVIDENCE_MEGABYTES", default=10) * 1_000_000

# By night -----------------------------------------------------------------------------------------------------------
# From this hour of the shop's day on, the scheduler has the RFM scores computed.
NIGHT_HOUR = env.int("NIGHT_HOUR", default=3)
# How long the members of a rule-driven group stand before they are computed anew.
GROUPS_REFRESHED_EVERY = timedelta(minutes=env.float("GROUPS_REFRESH_MINUTES", default=60))

# Imports ------------------------------------------------------------------------------------------------------------
# The largest file that can be uploaded to the panel, in megabytes; larger ones are for the command import_shop.
IMPORT_UPLOAD_LIMIT = env.int("IMPORT_UPLOAD_LIMIT_MB", default=200) << 20
# For how many days an uploaded file is kept: as long an import that stopped can be started again.
IMPORT_KEEP_DAYS = env.int("IMPORT_KEEP_DAYS", default=7)

# Files --------------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)  # whitenoise warns where it is missing
WHITENOISE_USE_FINDERS = DEBUG
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(DATA_DIR / "uploads")},
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# The skin of the admin ----------------------------------------------------------------------------------------------
LOGIN_REDIRECT_URL = "admin:index"
FORMAT_MODULE_PATH = ["crm_site.formats"]
FILTERS_EMPTY_CHOICE_LABEL = _("any")
UNFOLD = {
    "SITE_TITLE": _("Shop CRM"),
    "SITE_HEADER": _("Shop CRM"),
    "SITE_SYMBOL": "storefront",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "crm_site.navigation.icon"}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "STYLES": ["crm_site.navigation.stylesheet"],
    "SCRIPTS": ["crm_site.navigation.script", "crm_site.navigation.order_flags_script"],
    "SIDEBAR": {"navigation": "crm_site.navigation.sidebar"},
    "ACCOUNT": {"navigation": "crm_site.navigation.own_links"},
    "DASHBOARD_CALLBACK": "crm_site.dashboard.dashboard",
}

# E-mail: printed unless EMAIL_URL names a server. ---------------------------------------------------------------------
EMAIL_URL = env.email_url("EMAIL_URL", default="consolemail://")
EMAIL_BACKEND = EMAIL_URL["EMAIL_BACKEND"]
EMAIL_FILE_PATH = EMAIL_URL["EMAIL_FILE_PATH"]
EMAIL_HOST = EMAIL_URL["EMAIL_HOST"] or "localhost"
EMAIL_PORT = EMAIL_URL["EMAIL_PORT"] or 25
EMAIL_HOST_USER = EMAIL_URL["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = EMAIL_URL["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS = EMAIL_URL.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = EMAIL_URL.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10  # seconds per command: the channel's lease rests on it
# Messages that a worker takes at a time: at most what the server accepts in ten seconds, and the rest is put back.
EMAIL_BATCH = 500
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="shop@localhost.localdomain")
# How customers reach this installation: the links in messages.
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000")

# Webhooks go to public addresses by https only. Hosts inside the own network are named here.
WEBHOOK_ALLOWED_HOSTS = [host.lower() for host in env.list("WEBHOOK_ALLOWED_HOSTS", default=[])]

# Logs: trouble only, to stderr. Nothing is mailed, so no request data leaves the machine that way. -------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain", "level": "WARNING"}},
    "root": {"handlers": ["stderr"]},
    "loggers": {"django": {"level": "INFO"}},
}

# What lower apps ask from upper ones --------------------------------------------------------------------------------
PURCHASE_GATES = ["blocklist.gates.BanGate"]
CHANNELS = {
    "inbox": "messaging.channels.inbox.InboxChannel",
    "email": "messaging.channels.email.EmailChannel",
}

# REST API -----------------------------------------------------------------------------------------------------------
# What a key may be allowed to do; each operation of the API names the one that it needs.
API_SCOPES = [
    "purchase-checks:write",
    "orders:read",
    "orders:write",
    "orders:import",
    "customers:read",
    "customers:write",
    "bans:read",
    "bans:write",
    "ban-requests:read",
    "ban-requests:write",
    "appeals:read",
    "appeals:write",
    "inbox:read",
    "inbox:write",
    "inquiries:read",
    "inquiries:write",
    "agents:read",
    "agents:write",
    "segments:read",
    "segments:write",
]
API_BODY_LIMIT = 1_000_000
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "customers.api.authentication.KeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["customers.api.access.AccessPermission"],
    "DEFAULT_PARSER_CLASSES": ["customers.api.bodies.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "customers.api.bodies.OnlyJSON",
    "DEFAULT_FILTER_BACKENDS": ["customers.api.lists.StrictFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "customers.api.lists.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": "customers.api.bodies.NoMetadata",
    "EXCEPTION_HANDLER": "customers.api.problems.problem_response",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Shop CRM",
    "DESCRIPTION": "Customers, orders, inquiries, the purchase gate, the blocklist and the storefront inbox.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "OrderStatus": "customers.models.Order.Status",
        "ToldOrderStatus": "customers.api.orders.TOLD_STATUSES",
        "AgentStatus": "customers.models.Agent.Status",
        "InquiryState": "customers.models.Inquiry.State",
        "ContactState": "customers.models.ContactValue.State",
        "RoutedReason": "customers.models.Inquiry.Reason",
        "PassedOverReason": "customers.models.InquiryRouting.PassedOver",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
