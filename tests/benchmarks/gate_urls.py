"""The product's paths, and the bare view that its gate is measured against."""

from django.http import JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def bare(request):
    return JsonResponse({"decision": "allow", "code": "allowed", "public_message": ""})


urlpatterns = [path("bare/", bare), path("", include("crm_site.urls"))]
