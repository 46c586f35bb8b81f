
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0005_linked_to_a_banned_customer'),
    ]

    operations = [
        migrations.AlterField(
            model_name='delivery',
            name='reason',
            field=models.CharField(blank=True, choices=[('', ''), ('banned', 'banned'), ('linked', 'linked to a banned customer'), ('ban_waits', 'ban waits for approval'), ('opted_out', 'opted out'), ('no_account', 'no account'), ('no_address', 'no address'), ('bad_address', 'bad address'), ('later', 'put off by the receiving server'), ('error', 'error of the channel')], max_length=20, verbose_name='reason'),
        ),
    ]
