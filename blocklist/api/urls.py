from django.urls import include, path
from rest_framework.routers import SimpleRouter

from .bans import Bans, CustomerBans

router = SimpleRouter(use_regex_path=False)
router.register("bans", Bans, basename="ban")

urlpatterns = [
    path("customers/<int:pk>/ban/", CustomerBans.as_view({"post": "ban"}), name="customer-ban"),
    path("customers/<int:pk>/lift-ban/", CustomerBans.as_view({"post": "lift_ban"}), name="customer-lift-ban"),
    path("", include(router.urls)),
]
