from django.urls import include, path
from rest_framework.routers import SimpleRouter

from .agents import Agents
from .customer_timeline import CustomerContactability, CustomerTimeline
from .customers import Customers
from .inquiries import Inquiries
from .orders import Orders
from .purchase_checks import PurchaseChecks
from .segments import Segments

router = SimpleRouter(use_regex_path=False)
# first, since paths are tried in turn
router.register("purchase-checks", PurchaseChecks, basename="purchase-check")
router.register("customers", Customers, basename="customer")
router.register("orders", Orders, basename="order")
router.register("inquiries", Inquiries, basename="inquiry")
router.register("agents", Agents, basename="agent")
router.register("segments", Segments, basename="segment")

urlpatterns = [
    path("", include(router.urls)),
    path("customers/<int:pk>/timeline/", CustomerTimeline.as_view({"get": "list"}), name="customer-timeline"),
    path(
        "customers/<int:pk>/contactability/",
        CustomerContactability.as_view({"get": "retrieve"}),
        name="customer-contactability",
    ),
]
