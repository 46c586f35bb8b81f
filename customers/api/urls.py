from django.urls import include, path
from rest_framework.routers import SimpleRouter

from .customers import Customers
from .orders import Orders
from .purchase_checks import PurchaseChecks

router = SimpleRouter(use_regex_path=False)
router.register("customers", Customers, basename="customer")
router.register("orders", Orders, basename="order")
router.register("purchase-checks", PurchaseChecks, basename="purchase-check")

urlpatterns = [path("", include(router.urls))]
