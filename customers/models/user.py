from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    """A member of the staff. It stands here, without new fields, because it must exist before the first migration."""
