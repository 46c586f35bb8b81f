from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from blocklist.admin.buyer_check import check_view
from crm_site.health import healthz, readyz
from customers.admin import desk
from customers.admin.card import card_view

urlpatterns = [
    # first, since paths are tried in turn and storefronts wait for the answer of the purchase gate
    path("api/", include("crm_site.api")),
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/check-buyer/", admin.site.admin_view(check_view), name="check_buyer"),
    path("admin/card/", admin.site.admin_view(card_view), name="card"),
    path("admin/desk/", include(desk.urls())),
    path("admin/", admin.site.urls),
    path("", include("messaging.urls")),
]
