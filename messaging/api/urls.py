from django.urls import include, path
from rest_framework.routers import SimpleRouter

from .inbox import Inbox

router = SimpleRouter(use_regex_path=False)
router.register("inbox", Inbox, basename="inbox")

urlpatterns = [path("", include(router.urls))]
