from . import agents, customers, events, groups, import_runs, inquiries, jobs, merges, orders, products, reviews, users

__all__ = [
    "agents",
    "customers",
    "events",
    "groups",
    "import_runs",
    "inquiries",
    "jobs",
    "merges",
    "orders",
    "products",
    "reviews",
    "users",
]
