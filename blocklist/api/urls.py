from django.urls import include, path
from rest_framework.routers import SimpleRouter

from .appeals import Appeals
from .ban_requests import BanRequests
from .bans import Bans, CustomerBans
from .changes import BanChanges

router = SimpleRouter(use_regex_path=False)
router.register("bans", Bans, basename="ban")
router.register("ban-requests", BanRequests, basename="ban-request")
router.register("appeals", Appeals, basename="appeal")

urlpatterns = [
    path("customers/<int:pk>/ban/", CustomerBans.as_view({"post": "ban"}), name="customer-ban"),
    path("customers/<int:pk>/lift-ban/", CustomerBans.as_view({"post": "lift_ban"}), name="customer-lift-ban"),
    path("bans/changes/", BanChanges.as_view({"get": "list"}), name="ban-changes"),
    path("", include(router.urls)),
]
