from crm_site.settings import *  # noqa: F403  (all of them, and one changed)

ROOT_URLCONF = "tests.benchmarks.gate_urls"
